"""Blocks as Markdown, the names of columns, raised and lowered figures."""

from __future__ import annotations

import pytest

from bot.skills.document_tree import (
    Block,
    Code,
    Heading,
    ListItem,
    Paragraph,
    Place,
    Table,
    first_heading,
    lowered,
    raised,
    to_markdown,
)


def test_blocks_are_rendered_in_reading_order() -> None:
    blocks: list[Block] = [
        Heading(1, "Pump", number="4.2", place=Place(page=3)),
        Paragraph("Close it first."),
        ListItem("Close the valve.", "3."),
        ListItem("Sign\nthe sheet.", "4."),
        ListItem("twice", "a)", depth=1),
        ListItem("Approved", "[x]"),
        Paragraph("As it was said.\nTwice.", kind="quote"),
        Code("a = ```1```", "python"),
        Table((("Town", "Trams"), ("Basel|Land", "13")), header_rows=1, caption="Trams"),
    ]
    assert to_markdown(blocks) == (
        "# 4.2 Pump\n\nClose it first.\n\n3. Close the valve.\n4. Sign\n  the sheet.\n  a) twice\n"
        "- [x] Approved\n\n> As it was said.\n> Twice.\n\n````python\na = ```1```\n````\n\n"
        "Trams\n\n| Town | Trams |\n| --- | --- |\n| Basel\\|Land | 13 |"
    )
    assert first_heading(blocks) == "4.2 Pump"


def test_columns_are_named_by_all_header_rows() -> None:
    table = Table((("", "2024", "2024"), ("Region", "Q1", "Q2"), ("North", "1", "2")), 2)
    assert table.header == ("Region", "2024 Q1", "2024 Q2")
    same = Table((("Region", "Sales"), ("Region", "EUR")), 2)  # a cell merged over two rows
    assert same.header == ("Region", "Sales EUR")


@pytest.mark.parametrize(
    ("text", "shown"), [("6", "⁶"), ("-3", "⁻³"), ("th", "th"), ("n", "ⁿ"), ("2x/3", "^2x/3")]
)
def test_raised_text_does_not_become_part_of_the_number_before_it(text: str, shown: str) -> None:
    assert raised(text) == shown


def test_lowered_text() -> None:
    assert (lowered("2"), lowered("max"), lowered("a,1")) == ("₂", "max", "_a,1")
