"""Where a document is, as people read it: never a path of the server."""

from __future__ import annotations

import pytest

from bot.values import document_name


@pytest.mark.parametrize(
    ("location", "source", "read"),
    [
        (
            "https://example.com/guide",
            "https://example.com/sitemap.xml",
            "https://example.com/guide",
        ),
        ("/srv/anna/docs/logs.md", "/srv/anna/docs/logs.md", "logs.md"),
        ("/srv/anna/docs/guides/logs.md", "/srv/anna/docs", "guides/logs.md"),
        ("/srv/anna/docs/logs.md", "", "logs.md"),
        ("/srv/anna/docs/logs.md", "/srv/anna/other", "logs.md"),
        ("notes.md", "notes.md", "notes.md"),
    ],
)
def test_a_path_of_the_server_was_shown(location: str, source: str, read: str) -> None:
    assert document_name(location, source) == read
