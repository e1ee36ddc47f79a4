"""CSV files as Excel and others write them."""

from __future__ import annotations

import pytest

from bot.knowledge.loading.registry import LOADERS, find_loader
from bot.skills.document_tree import Block, Place, Table


def read(data: bytes, name: str = "prices.csv") -> tuple[Block, ...]:
    loader = find_loader(LOADERS, name)
    assert loader is not None
    return loader.load(data, name).blocks


def table(text: str, charset: str = "utf-8", name: str = "prices.csv") -> Table:
    [found] = read(text.encode(charset), name)
    assert isinstance(found, Table)
    return found


def test_the_line_that_tells_excel_the_separator_was_the_header() -> None:
    found = table("sep=;\r\nTown;Trams\r\nBasel;13\r\n")
    assert found.rows == (("Town", "Trams"), ("Basel", "13"))
    assert found.header == ("Town", "Trams")
    assert found.places == (Place(row=1), Place(row=2))


def test_columns_of_one_name_were_one() -> None:
    assert table("Name,Phone,Name,Name\nAda,1,Bo,Cy\n").header == (
        *("Name", "Phone", "Name (2)", "Name (3)"),
    )
    assert table("Name,Phone,Name\nAda,1,Bo\n").rows[1] == ("Ada", "1", "Bo")


def test_a_row_of_equal_values_is_no_header_with_doubled_names() -> None:
    assert "yes (2)" not in str(read(b"yes,yes,no\nno,yes,no\nyes,no,no\n"))


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "utf-16", "windows-1252"])
def test_what_excel_writes_in_german(charset: str) -> None:
    text = "Größe;Preis;Straße\r\nKöln;3,50 €;Hauptstraße\r\nMünchen;4,20 €;Übelweg\r\n"
    found = table(text, charset)
    assert found.header == ("Größe", "Preis", "Straße")
    assert found.rows[2] == ("München", "4,20 €", "Übelweg")


def test_the_commas_of_numbers_were_taken_for_the_separator() -> None:
    found = table("Größe;Netto;Brutto\n3,5;10,00;12,00\n4,5;20,00;24,00\n5,5;1,00;1,20\n")
    assert found.rows[1] == ("3,5", "10,00", "12,00")


@pytest.mark.parametrize(
    "text",
    [
        "Town\tTrams\nBasel\t13\nBern\t5\n",
        "Town|Trams\nBasel|13\nBern|5\n",
        "Town,Trams\rBasel,13\rBern,5\r",
        '"Town","Trams"\n"Basel","13"\n\'\'Bern,5\n',
    ],
)
def test_other_separators_and_ends_of_lines(text: str) -> None:
    assert table(text).rows[:2] == (("Town", "Trams"), ("Basel", "13"))


def test_a_cell_of_several_lines() -> None:
    found = table('Town,Note\nBasel,"on\nthe Rhine"\nBern,none\n')
    assert found.rows[1] == ("Basel", "on\nthe Rhine")
    assert found.places[2] == Place(row=3)
