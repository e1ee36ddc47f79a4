"""Boxes of lines on a page become paragraphs in reading order."""

from __future__ import annotations

from collections.abc import Sequence

from bot.knowledge.loading.scans.reading_order import lines_to_blocks
from bot.knowledge.loading.scans.text_line import TextLine
from bot.skills.document_tree import Heading, Paragraph, Place

PAGE = Place(page=3)


def column(
    texts: Sequence[str], left: float = 100, top: float = 100, width: float = 1000, height: int = 30
) -> list[TextLine]:
    """Lines below each other; an empty one is a gap."""
    return [
        TextLine(text, 0.99, left, top + 34 * at, left + width, top + 34 * at + height)
        for at, text in enumerate(texts)
        if text
    ]


def texts(lines: Sequence[TextLine]) -> list[str]:
    blocks = lines_to_blocks(lines, PAGE)
    assert all(block.place == PAGE for block in blocks)
    return [block.text for block in blocks if isinstance(block, Heading | Paragraph)]


def test_lines_become_paragraphs_and_hyphens_are_undone() -> None:
    lines = column(
        ["The keeper trims the wick every eve-", "ning before the sun goes down.", "", "Then he"]
    )
    assert texts(lines) == [
        "The keeper trims the wick every evening before the sun goes down.",
        "Then he",
    ]


def test_two_columns_are_read_one_after_the_other_under_their_title() -> None:
    left = column([f"left {n} is a line of text that fills it" for n in range(5)], 100, 200, 480)
    right = column([f"right {n} is a line of text that fills it" for n in range(5)], 640, 200, 480)
    title = column(["A title that stands across both of the columns of this page"], 100, 120, 1020)
    mixed = [one for pair in zip(left, right, strict=True) for one in pair]
    joined = " ".join(texts([*title, *mixed]))
    assert joined.index("left 4") < joined.index("right 0")
    assert joined.startswith("A title")


def test_three_columns() -> None:
    columns = [
        column([f"{name} {n} is a line that fills it" for n in range(4)], left, 200, 300)
        for name, left in (("a", 100), ("b", 440), ("c", 780))
    ]
    joined = " ".join(texts([one for three in zip(*columns, strict=True) for one in three]))
    order = [joined.index(f"{name} {n}") for name in "abc" for n in range(4)]
    assert order == sorted(order)


def test_the_cells_of_a_table_stay_in_their_row() -> None:
    cells: list[TextLine] = []
    for at, (name, fee) in enumerate((("Oil", "12 EUR"), ("Wick", "3 EUR"), ("Glass", "40 EUR"))):
        cells += column([name], 100, 100 + 60 * at, 90) + column([fee], 700, 101 + 60 * at, 110)
    above = column(["The fees of the last year are these:"], top=50)
    assert texts([*above, *cells]) == [above[0].text, "Oil 12 EUR\nWick 3 EUR\nGlass 40 EUR"]


def test_a_large_line_is_a_heading() -> None:
    heading = TextLine("Water report", 0.99, 100, 40, 500, 90)
    blocks = lines_to_blocks([heading, *column(["One line.", "Another line."], top=140)], PAGE)
    assert blocks[0] == Heading(1, "Water report", place=PAGE)


def test_chinese_lines_are_joined_without_a_space() -> None:
    lines = column(["本市的自来水来自山谷中的三口水井。20", "19年，委员会决定更换最老的水泵"])
    assert texts(lines) == ["本市的自来水来自山谷中的三口水井。2019年，委员会决定更换最老的水泵"]


def test_items_of_a_list_are_paragraphs() -> None:
    assert texts(column(["1. Trim the wick", "2. Light the lamp", "- and rest"])) == [
        "1. Trim the wick",
        "2. Light the lamp",
        "- and rest",
    ]


def test_a_page_of_a_thousand_lines_takes_no_longer_than_its_lines() -> None:
    many = [one for at in range(60) for one in column(["x"] * 20, 20 * at, 50, 15)]
    assert sum(len(text.split()) for text in texts(many)) == 1_200
