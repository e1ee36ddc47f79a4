"""Sources in words: where in its file a passage stands."""

from __future__ import annotations

from bot.replies.wording import place_words, source_line
from bot.types import Place, Source


def line(*sources: Source) -> str:
    return " | ".join(source_line(sources, lambda title, address: title, 500))


def source(number: int, place: Place, heading: str = "") -> Source:
    return Source(number, "deploy.pdf", "docs/deploy.pdf", heading, place=place)


def test_a_source_names_its_page_slide_or_row() -> None:
    assert line(source(1, Place(page=12))) == "[1] deploy.pdf, page 12"
    assert line(source(1, Place(slide=3), "Costs")) == "[1] deploy.pdf › Costs, slide 3"
    prices = Source(2, "Prices.xlsx", "Prices.xlsx", place=Place(sheet="North", row=14))
    assert line(prices) == "[2] Prices.xlsx, sheet North, row 14"
    assert place_words([Place(row=7)]) == "row 7"
    assert place_words([Place()]) == ""


def test_pages_of_one_document_are_one_item() -> None:
    found = line(
        source(1, Place(page=12), "Guide > Setup > Linux"),
        source(2, Place(page=3), "Guide > Setup > Windows"),
        source(4, Place(page=12), "Guide > Setup"),
        Source(3, "Other", "other.md", "Guide"),
    )
    assert found == "[1, 2, 4] deploy.pdf › Guide › Setup, pages 3, 12 · [3] Other › Guide"


def test_rows_of_different_sheets_are_different_items() -> None:
    north, south = (Place(sheet=name, row=14) for name in ("North", "South"))
    assert line(source(1, north), source(2, south), source(3, Place(sheet="North", row=9))) == (
        "[1, 3] deploy.pdf, sheet North, rows 9, 14 · [2] deploy.pdf, sheet South, row 14"
    )
