"""A change to a file of settings changes that alone, or is refused in one sentence."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from bot.config.yaml_document import YamlDocument
from bot.config.yaml_file import parse, text_keys
from bot.errors import ConfigError
from tests.hostile.config_files import MARK, REFUSED, SHARED, WRITTEN


def comments(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.lstrip().startswith("#")]


@pytest.mark.parametrize("name", WRITTEN)
def test_one_key_is_changed_and_nothing_else(name: str, tmp_path: Path) -> None:
    own = WRITTEN[name]
    path = tmp_path / "config.yaml"
    path.write_bytes(own.encode())
    before = text_keys(parse(own)) or {}
    document = YamlDocument.read(path)
    expected = copy.deepcopy(before)
    expected.setdefault("http", {})["port"] = 8080
    if name in SHARED:
        with pytest.raises(ConfigError, match="by hand"):
            document.set("http.port", 8080)
        assert document.text == own
        return
    document.set("http.port", 8080)
    assert text_keys(parse(document.text)) == expected
    assert comments(document.text) == comments(own)
    assert own.count("\r\n") == 0 or "\n" not in document.text.replace("\r\n", "")


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_changed_is_told_in_one_sentence(name: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(REFUSED[name])
    with pytest.raises(ConfigError) as caught:
        YamlDocument.read(path).set("http.port", 8080)
    assert str(caught.value).count("\n") == 0
    assert MARK not in str(caught.value)
    assert path.read_text() == REFUSED[name]
