"""Passages of a document: what is kept together, and where it stands."""

from __future__ import annotations

from bot.knowledge.ingestion.chunking import Chunk, Chunker
from bot.skills.document_tree import Block, Code, Heading, ListItem, Paragraph, Place, Table


def words(text: str) -> int:
    return len(text.split())


def cut(*blocks: Block, most: int = 30) -> list[Chunk]:
    return Chunker(words, 100, most).chunks("", blocks)


def test_a_list_that_fits_into_a_passage_is_not_cut() -> None:
    before = Paragraph("word " * 18 + "end.")
    items = [ListItem(f"Step {n} is done.", f"{n}.") for n in range(1, 5)]
    first, second = cut(before, Paragraph("So:"), *items)
    assert first.text == before.text
    assert second.text.startswith("So:\n\n1. Step 1")
    assert second.text.endswith("4. Step 4 is done.")


def test_a_long_list_is_cut_at_its_items() -> None:
    items = [ListItem(f"Step {n} is done.", f"{n}.") for n in range(1, 30)]
    found = cut(*items)
    assert len(found) > 3
    assert all(chunk.text.split(".")[0].isdecimal() for chunk in found)


def table(rows: int) -> Table:
    cells = tuple((f"Item {n}", f"{n} EUR", "a remark on it") for n in range(rows))
    places = tuple(Place(sheet="North", row=n) for n in range(1, rows + 2))
    return Table((("Name", "Price", "Remark"), *cells), 1, "Fees of 2024", places=places)


def test_every_passage_of_a_long_table_has_its_caption_columns_and_row() -> None:
    found = cut(table(40))
    assert len(found) > 5
    for chunk in found:
        lines = chunk.text.split("\n\n")
        assert lines[0] == "Fees of 2024"
        for line in lines[1:]:
            assert line.startswith("Name: Item")
            row = int(line.split()[2].strip(";")) + 2
            assert chunk.place.row <= row
        first = int(lines[1].split()[2].strip(";")) + 2
        assert chunk.place == Place(sheet="North", row=first)


def test_a_short_table_stays_one_with_its_caption() -> None:
    (found,) = cut(table(3), most=60)
    assert found.text.startswith("Fees of 2024\n\n| Name | Price | Remark |\n| --- |")
    assert found.place == Place(sheet="North", row=1)


def test_code_is_cut_at_line_ends_and_keeps_its_language() -> None:
    code = Code("\n".join(f"print({n})  # says the number" for n in range(20)), "python")
    found = cut(code)
    assert len(found) > 3
    for chunk in found:
        lines = chunk.text.split("\n")
        assert (lines[0], lines[-1]) == ("```python", "```")
        assert all(line.startswith("print(") for line in lines[1:-1])
    kept = [line for chunk in found for line in chunk.text.split("\n")[1:-1]]
    assert kept == code.text.split("\n")


def test_a_passage_knows_the_page_it_begins_on() -> None:
    pages = [Paragraph("word " * 20, place=Place(page=n)) for n in (1, 2, 3)]
    assert [chunk.place.page for chunk in cut(*pages)] == [1, 2, 3]
    (both,) = cut(
        Heading(1, "A", place=Place(page=4)),
        Heading(2, "B", place=Place(page=4)),
        Paragraph("text", place=Place(page=5)),
        Heading(2, "C", place=Place(page=6)),
        Paragraph("more", place=Place(page=6)),
    )
    assert both.heading == "A"
    assert both.place == Place(page=5)


def test_a_comment_in_code_was_a_heading_of_the_passage() -> None:
    (found,) = cut(Heading(1, "Real"), Code("# not one\nls", "sh"))
    assert found.heading == "Real"
