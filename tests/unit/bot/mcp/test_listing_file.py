"""What servers last said of their tools is kept, privately, and of one server only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.config.mcp import ToolServerSettings
from bot.mcp.listing_file import ListingFile
from tests.fakes.tool_server import MALFORMED, tool


def file_of(folder: Path, command: str = "one") -> ListingFile:
    return ListingFile(folder / "mcp", "it", ToolServerSettings(command=command))


def names(listing: Any) -> list[str]:
    return [one.name for one in listing.tools]


def test_good_tools_are_kept_and_nothing_else(tmp_path: Path) -> None:
    bad = [*MALFORMED, {"name": [], "inputSchema": {}}, {"name": "big" * 10, "x": "y" * 500_000}]
    said = file_of(tmp_path).keep([tool("good"), *bad])
    assert names(said) == ["good", "look"]
    assert len(said.problems) == len(bad) - 1
    [path] = (tmp_path / "mcp").iterdir()
    assert path.stat().st_size < 2_000
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0
    assert names(file_of(tmp_path).read()) == ["good", "look"]


def test_another_program_of_that_name_begins_anew(tmp_path: Path) -> None:
    file_of(tmp_path).keep([tool("good")])
    assert file_of(tmp_path, "another").read() is None
    said = file_of(tmp_path, "another").keep([tool("good", about="Another.")])
    assert said.changed == frozenset()


def test_a_change_is_noticed_until_it_is_accepted(tmp_path: Path) -> None:
    kept = file_of(tmp_path)
    kept.keep([tool("a"), tool("b")])
    assert kept.keep([tool("a", about="Other words."), tool("b"), tool("c")]).changed == {"a"}
    assert kept.keep([tool("b")]).changed == frozenset()
    assert kept.keep([tool("a", about="Other words."), tool("b")]).changed == {"a"}, "it came back"
    assert kept.accept() == {"a"}
    assert kept.accept() == frozenset()
    assert kept.keep([tool("a", about="Other words.")]).changed == frozenset()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"[" * 100_000, b"\xff", b'{"of": 1}'])
def test_a_damaged_file_counts_as_none(tmp_path: Path, content: bytes) -> None:
    kept = file_of(tmp_path)
    kept.keep([tool("a")])
    [path] = (tmp_path / "mcp").iterdir()
    path.write_bytes(content)
    assert kept.read() is None
    assert names(kept.keep([tool("a")])) == ["a"]
    json.loads(path.read_bytes())
