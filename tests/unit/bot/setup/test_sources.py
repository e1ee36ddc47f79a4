"""Where documents are, as people say it, becomes a source that is kept in sync."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import UsageError
from bot.setup.sources import read_source


@pytest.mark.parametrize(
    ("said", "entry"),
    [
        ("papers", {"path": "papers", "every": "10m"}),
        (" 'papers' ", {"path": "papers", "every": "10m"}),
        ("https://handbook.example/", {"url": "https://handbook.example/", "every": "6h"}),
        ("https://git.example/wiki.git", {"git": "https://git.example/wiki.git", "every": "30m"}),
        ("https://github.com/us/wiki", {"git": "https://github.com/us/wiki", "every": "30m"}),
        ("https://github.com/us/wiki/wiki/Home", {"url": "https://github.com/us/wiki/wiki/Home"}),
        ("git@git.example:us/wiki.git", {"git": "ssh://git@git.example/us/wiki.git"}),
        ("ssh://git@git.example/us/wiki", {"git": "ssh://git@git.example/us/wiki"}),
    ],
)
def test_each_kind_is_known_by_what_it_looks_like(
    tmp_path: Path, said: str, entry: dict[str, str]
) -> None:
    (tmp_path / "papers").mkdir()
    assert entry.items() <= read_source(said, tmp_path).items()


def test_how_often_may_be_said(tmp_path: Path) -> None:
    assert read_source("https://a.example/", tmp_path, "1h")["every"] == "1h"
    with pytest.raises(UsageError, match="must be a time from 1m to 365d"):
        read_source("https://a.example/", tmp_path, "now")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("", "no folder"),
        ("nowhere", "no folder nowhere"),
        ("note.md", "is a file; name its folder"),
        ("ftp://a.example/", "https:// or ssh://, is needed"),
        (
            "https://ada:secret@a.example/",
            "it must be an http or https address",
        ),
        ("https://ada:secret@git.example/wiki.git", "without a password"),
        ("https://a.example/page?id=1&token=secret", "would see token of that address"),
        ("a\x00b", "no folder"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, said: str, why: str) -> None:
    (tmp_path / "note.md").write_text("x")
    with pytest.raises(UsageError, match=why) as caught:
        read_source(said, tmp_path)
    assert "secret" not in str(caught.value)
