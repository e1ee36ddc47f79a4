"""Rows of sheets become tables that have their header and caption, wherever blank rows stand."""

from __future__ import annotations

import pytest

from bot.knowledge.loading.table_text import rows_to_blocks
from bot.skills.document_loader import TooLong
from bot.skills.document_tree import Block, Paragraph, Place, Table


def blocks(text: str) -> tuple[Block, ...]:
    """A sheet as lines of cells with bars between them; an empty line is a blank row."""
    return rows_to_blocks([line.strip().split("|") for line in text.strip().split("\n")])


def table(text: str) -> Table:
    [found] = blocks(text)
    assert isinstance(found, Table)
    return found


def test_a_blank_row_below_the_header_took_the_names_from_the_rows() -> None:
    found = table(
        """Harvest 2031

           |Apples (t)|Pears (t)|Plums (t)

           North|12|7|3
           South|19|4|8"""
    )
    assert found.caption == "Harvest 2031"
    assert found.header == ("", "Apples (t)", "Pears (t)", "Plums (t)")
    assert found.rows[1:] == (("North", "12", "7", "3"), ("South", "19", "4", "8"))
    assert [place.row for place in found.places] == [3, 5, 6]


def test_a_header_of_two_rows_names_columns_by_both() -> None:
    found = table("|2023||2024|\nTown|Q1|Q2|Q1|Q2\nBasel|1|2|3|4\nKiel|5|6|7|8")
    assert found.header == ("Town", "2023 Q1", "2023 Q2", "2024 Q1", "2024 Q2")
    assert len(found.rows) == 4


def test_a_merged_header_of_two_rows_says_each_name_once() -> None:
    found = table("Town|Sales|Sales\nTown|North|South\nBasel|1,000|2,000\nKiel|5|6")
    assert found.header == ("Town", "Sales North", "Sales South")


def test_words_in_the_second_row_are_no_second_header() -> None:
    found = table("Name|Place|Since\nAda|Basel|May\nBob|Kiel|June")
    assert found.header_rows == 1


def test_a_title_over_all_columns_is_said_once_above_the_table() -> None:
    found = table("Sales of May|Sales of May|Sales of May\nTown|Units|Price\nBasel|1|2")
    assert (found.caption, found.header) == ("Sales of May", ("Town", "Units", "Price"))


def test_rows_of_numbers_have_no_header() -> None:
    assert table("1|2|3\n4|5|6").header_rows == 0


def test_lines_far_above_a_table_are_text() -> None:
    found = blocks("One\nTwo\nThree\nFour\n\nTown|Units\nBasel|13")
    assert found[0] == Paragraph("One", place=Place(row=1))
    assert isinstance(found[1], Table)
    assert found[1].caption == "Two\nThree\nFour"


def test_a_table_goes_on_below_a_blank_row_and_below_a_line() -> None:
    first, second = blocks("name|age\nAda|36\n\nBob|41\n\nFormer members\nCyd|50")
    assert isinstance(first, Table)
    assert isinstance(second, Table)
    assert first.rows[1:] == (("Ada", "36"), ("Bob", "41"))
    assert (second.caption, second.header) == ("Former members", ("name", "age"))
    assert second.rows[1:] == (("Cyd", "50"),)


def test_each_row_has_the_place_that_it_came_with() -> None:
    places = [Place(sheet="Oil", row=n) for n in (4, 9)]
    [found] = rows_to_blocks([["Kind", "Litres"], ["Lamp", "3"]], places)
    assert isinstance(found, Table)
    assert found.places == tuple(places)


def test_long_names_over_many_short_cells_are_too_long() -> None:
    names = [f"a long name of a column, and it is number {n}" for n in range(400)]
    with pytest.raises(TooLong):
        rows_to_blocks([names, *([["7"] * 400] * 400)])
