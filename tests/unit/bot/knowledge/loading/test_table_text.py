"""Tables as text: each row says what its cells are, wherever a passage is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Refused
from bot.knowledge.loading.document import RawDocument
from bot.knowledge.loading.markup.markdown import read_markdown
from bot.knowledge.loading.registry import LOADERS, find_loader
from bot.knowledge.loading.table_text import label_row, rows_to_blocks
from bot.skills.document_loader import Loaded
from bot.skills.document_tree import Table, to_markdown
from tests.fakes.loaded_text import load_with_text, searched_markdown


def labelled(markdown: str) -> str:
    return searched_markdown(read_markdown(markdown))


def read(name: str, data: bytes) -> Loaded:
    return load_with_text(RawDocument(name, data), LOADERS)


def lines(name: str, text: str) -> list[str]:
    """The texts of a file, and the rows of its tables with the names of their columns."""
    loader = find_loader(LOADERS, name)
    assert loader is not None
    made: list[str] = []
    for block in loader.load(text.encode(), name).blocks:
        if isinstance(block, Table):
            made += filter(None, block.caption.split("\n"))
            made += (label_row(block.header, row) for row in block.rows[block.header_rows :])
        else:
            made.append(block.text)
    return made


def test_a_cell_from_the_middle_of_a_long_table_has_lost_the_name_of_its_column() -> None:
    rows = "\n".join(f"| limit_{n} | {n * 17} | requests |" for n in range(60))
    found = read(
        "limits.md", f"# Limits\n\n| Limit | Value | Unit |\n|---|--:|---|\n{rows}".encode()
    )
    assert "Limit: limit_45; Value: 765; Unit: requests" in found.text.split("\n\n")


def test_a_short_table_stays_a_table() -> None:
    table = "Text before.\n\n| Kind | Kept |\n| --- | --- |\n| daily | 14 days |\n\nText after."
    assert labelled(table.replace(" --- | ---", ":---:|---")) == table


def test_an_empty_header_is_filled_by_the_first_row() -> None:
    assert labelled("|  |  |\n| --- | --- |\n| Country | Limit |\n| Austria | 52 |") == (
        "| Country | Limit |\n| --- | --- |\n| Austria | 52 |"
    )


def test_a_table_in_a_code_fence_is_left_as_it_is() -> None:
    rows = "| some words | more words |\n" * 40
    fenced = f"```\n| a | b |\n|---|---|\n{rows}```"
    assert labelled(fenced) == fenced


def test_a_bar_inside_a_cell_is_no_column() -> None:
    rows = "| either \\| or | a choice of two |\n" * 20
    assert "Sign: either | or; Meaning: a choice of two" in labelled(
        f"| Sign | Meaning |\n|---|---|\n{rows}"
    )


def test_a_table_of_one_row_lost_its_text() -> None:
    notice = (
        "The lamp must be lit before the sun has set, and it must burn until it has risen. " * 6
    )
    assert notice.strip() in labelled(f"| {notice}|\n| --- |")


def test_long_text_in_the_first_row_was_said_again_in_every_row() -> None:
    notice = "The lamp must be lit before the sun has set. " * 10
    found = labelled(f"| Rules | {notice}|\n|---|---|\n" + "| Oil | In the cellar |\n" * 30)
    assert found.count(notice.strip()) == 1
    assert found.count("Oil; In the cellar") == 30


def test_what_stands_above_a_table_is_not_its_header() -> None:
    assert lines("sales.csv", "Report of sales\nMade in May\n\nregion,units\nNorth,10\n") == [
        "Report of sales",
        "Made in May",
        "region: North; units: 10",
    ]


def test_numbers_in_the_first_row_do_not_become_the_names_of_columns() -> None:
    assert lines("plain.csv", "1,2,3\n4,5,6\n") == ["1; 2; 3", "4; 5; 6"]


def test_years_are_names_of_columns() -> None:
    assert lines("years.csv", "Town,2023,2024\nBasel,13,14\n") == [
        "Town: Basel; 2023: 13; 2024: 14"
    ]


def test_rows_after_a_blank_one_keep_their_columns() -> None:
    found = lines("a.csv", "name,age\nAda,36\n\nBob,41\n\nContact,Carol\n")
    assert found == ["name: Ada; age: 36", "name: Bob; age: 41", "Contact: Carol"]


def test_a_comma_in_the_text_of_a_single_column_cuts_nothing() -> None:
    assert lines("words.csv", "word\nalpha\nbeta, and gamma\n") == [
        "word",
        "alpha",
        "beta, and gamma",
    ]


def test_a_row_over_several_lines_and_decimal_commas_are_read() -> None:
    text = 'Artikel;Preis;Bemerkung\nMutter;0,08 €;"mehr\nzeilig"\nBolzen;1,20 €;"a; b"\n'
    assert lines("preise.csv", text) == [
        "Artikel: Mutter; Preis: 0,08 €; Bemerkung: mehr zeilig",
        "Artikel: Bolzen; Preis: 1,20 €; Bemerkung: a; b",
    ]


def test_a_quotation_mark_that_is_missing_is_told() -> None:
    with pytest.raises(Refused, match="more than 131,072 characters; see whether a quotation mark"):
        lines("oil.csv", 'Item,Price\n"Oil,3\n' + "Wick,1\n" * 20_000)


WORDS = st.text("abcXY12;:|é界", min_size=1, max_size=9)


@given(
    st.integers(1, 4).flatmap(
        lambda width: st.lists(
            st.lists(WORDS, min_size=width, max_size=width) | st.just([]), max_size=12
        )
    )
)
def test_no_cell_is_lost(rows: list[list[str]]) -> None:
    found = to_markdown(rows_to_blocks(rows)).replace("\\|", "|")
    for row in rows:
        for cell in row:
            assert cell in found


@given(st.text(alphabet="|-: a\n\\`#", max_size=200))
def test_any_markdown_can_be_looked_through_for_tables(text: str) -> None:
    assert isinstance(labelled(text), str)
