"""Of a web page its text is kept in order, and what stands around it is left out."""

from __future__ import annotations

import pytest

from bot.skills.document_tree import to_markdown
from bot.web.extract import extract
from tests.unit.bot.web.page_styles import STYLES


@pytest.mark.parametrize("style", STYLES)
def test_pages_of_well_known_programs(style: str) -> None:
    page = STYLES[style]
    text = to_markdown(extract(page.html.encode(), "page", "text/html").blocks)
    at = 0
    for words in page.kept:
        found = text.find(words, at)
        assert found >= 0, f"{words!r} is not behind {text[:at]!r} in {text[at:]!r}"
        at = found + len(words)
    assert [words for words in page.around if words in text] == []
