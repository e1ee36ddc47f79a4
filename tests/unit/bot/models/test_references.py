"""What a model may be called, and what of it may be written in a chat."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import NotFound, UsageError
from bot.models.references import (
    CatalogReference,
    KnownModel,
    OllamaReference,
    RepositoryReference,
    ServerReference,
    SourceReference,
    display,
    known_name,
    read_reference,
)


@pytest.mark.parametrize(
    ("text", "reference", "name"),
    [
        ("team", KnownModel("team"), "team"),
        ("ollama:llama3.1:8b", OllamaReference("llama3.1:8b"), "llama3.1-8b"),
        ("ollama:qwen3", OllamaReference("qwen3"), "qwen3"),
        ("ollama:library/qwen3:latest", OllamaReference("library/qwen3:latest"), "qwen3"),
        ("hf:Qwen/Qwen3-4B-GGUF", RepositoryReference("Qwen/Qwen3-4B-GGUF"), "qwen3-4b"),
        ("hf:a/b:q4_k_m", RepositoryReference("a/b", "main", "q4_k_m"), "b"),
        ("hf:a/b@v2:Q8_0", RepositoryReference("a/b", "v2", "Q8_0"), "b"),
        ("hf:a/b/x/M-Q4_0.gguf", SourceReference("hf:a/b/x/M-Q4_0.gguf"), "m-q4_0"),
        ("hf:a/b/m-00001-of-00002.gguf", SourceReference("hf:a/b/m-00001-of-00002.gguf"), "m"),
        ("pypi:x==1.0#x/m.gguf", SourceReference("pypi:x==1.0#x/m.gguf"), "m"),
        ("file:/models/my.gguf", SourceReference("file:/models/my.gguf"), "my"),
        ("https://h.example/m.gguf", SourceReference("url:https://h.example/m.gguf"), "m"),
        ("http://127.0.0.1:8080/v1", ServerReference("http://127.0.0.1:8080/v1"), "server"),
        ("http://127.0.0.1:1234/v1#a/B", ServerReference("http://127.0.0.1:1234/v1", "a/B"), "b"),
    ],
)
def test_each_way_to_write_one(text: str, reference: object, name: str) -> None:
    read = read_reference(f" {text} ", ["default", "team"])
    assert read == reference
    assert known_name(read) == name


def test_a_name_of_the_configuration_comes_before_the_catalogue() -> None:
    assert isinstance(read_reference("Qwen3-4B"), CatalogReference)
    assert read_reference("qwen3-4b", ["qwen3-4b"]) == KnownModel("qwen3-4b")


def test_a_path_is_that_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "models" / "My Model.Q4_0.gguf"
    file.parent.mkdir()
    file.touch()
    monkeypatch.chdir(tmp_path)
    for text in (str(file), "models/My Model.Q4_0.gguf", "./models/../models/My Model.Q4_0.gguf"):
        read = read_reference(text)
        assert read == SourceReference(f"file:{file}")
        assert known_name(read) == "my-model.q4_0"
    monkeypatch.chdir(file.parent)
    assert read_reference("My Model.Q4_0.gguf") == SourceReference(f"file:{file}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("qwen3-4c", "Did you mean qwen3-4b?"),
        ("teem", "Did you mean team?"),
        ("Qwen/Qwen3-4B-GGUF", "write hf:Qwen/Qwen3-4B-GGUF"),
        ("./nothing.gguf", "There is no file ./nothing.gguf"),
        ("", "There is no model named"),
        ("hf:", "Write hf: and the repository"),
        ("hf:a", "Write hf: and the repository"),
        ("hf:../../etc:Q4", "Write hf: and the repository"),
        ("hf:a/b/../c.gguf", "Write hf: and the repository"),
        ("ollama:", "Write ollama: and the model's name"),
        ("ollama:a b", "Write ollama: and the model's name"),
        ("ollama:-x$(id)", "Write ollama: and the model's name"),
        ("url:ftp://h/x.gguf", "complete http(s) address"),
        ("http://", "Write the server's address"),
        ("a\nb", "That is no name of a model"),
        ("x" * 5_000, "That is no name of a model"),
    ],
)
def test_what_is_no_model_is_told_in_a_sentence(text: str, said: str) -> None:
    with pytest.raises((NotFound, UsageError)) as caught:
        read_reference(text, ["default", "team"])
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "/etc/passwd",
        "./models/x.gguf",
        "file:/models/x.gguf",
        "url:https://h.example/x.gguf",
        "https://h.example/x.gguf",
        "http://127.0.0.1:8080/v1#x",
        "pypi:evil==1.0#evil/m.gguf",
        "ollama:registry.example/library/x",
        "ollama:127.0.0.1:5000/x",
        "ollama:hf.co/a/b",
    ],
)
def test_in_chat_nobody_chooses_an_address_or_a_path(text: str) -> None:
    with pytest.raises((NotFound, UsageError)):
        read_reference(text, ["team"], in_chat=True)


@pytest.mark.parametrize("text", ["team", "qwen3-4b", "ollama:qwen3:4b", "hf:a/b", "hf:a/b:Q4_0"])
def test_in_chat_the_others_are_taken(text: str) -> None:
    assert display(read_reference(text, ["team"], in_chat=True)) == text


def test_an_address_is_shown_without_what_may_be_secret() -> None:
    assert display(read_reference("https://me:pw@h.example/x.gguf?key=1")) == (
        "url:https://h.example/x.gguf"
    )
    assert display(read_reference("http://me:pw@127.0.0.1:8080/v1#x")) == (
        "http://127.0.0.1:8080 x"
    )
