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


@pytest.mark.parametrize(
    ("head", "title"),
    [
        ("<title>Fees - City of Graz</title>", "Fees"),
        ("<title>City of Graz</title>", "City of Graz"),
        ("<title> </title>", "Fees"),
        ("", "Fees"),
    ],
)
def test_the_title_of_a_page_without_one_was_empty(head: str, title: str) -> None:
    page = f"<html><head>{head}</head><body><h1>Fees</h1><p>They are low.</p></body></html>"
    assert extract(page.encode(), "page", "text/html").title == title


@pytest.mark.parametrize(
    "page",
    [
        "<body class='with-sidebar cookies'><div class='share'><p>The lamp is lit.</p></div>",
        "<body><nav><p>The lamp is lit.</p></nav></body>",
        "<main></main><div>The lamp is lit.</div>",
        "<section id=newsletter><h2>Newsletter</h2><p>The lamp is lit.</p></section><p>Else.</p>",
        "<main><h2 id=cookies>Cookies</h2><p class=share-price>The lamp is lit.</p></main>",
        "<p>The lamp is lit.</p><h2>See also</h2><ul><li><a href=a>One</a><li><a href=b>Two</a>",
        "<ul><li><a href=a>The lamp is lit.</a><li><a href=b>Two</a></ul>",
        "<div aria-hidden=true>The lamp is lit.</div>",
        "<div class=footer><p>The lamp is lit.</p></div>",
    ],
)
def test_what_is_called_like_furniture_and_is_the_text_was_lost(page: str) -> None:
    text = to_markdown(extract(page.encode(), "page", "text/html").blocks)
    assert "The lamp is lit." in text
    assert ("See also" in page) == ("Two" in text and "See also" in text)
