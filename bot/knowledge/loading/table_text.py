"""Converts tables to text in which every row names its columns, so each passage stands alone.

A passage out of the middle of a long table would otherwise be numbers without their meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bot.skills.document_loader import BoundedText

Row = Sequence[str]

_VALUE = re.compile(
    r"[-+−–~<>≤≥±]?\s*+(?:[€$£¥]\s*+)?\d[\d\s.,:/’'T-]*+(?:%|[^\W\d_]{1,3}|[€$£¥])?"
)
_YEAR = re.compile(r"(?:19|20)\d\d")
MAX_COLUMN_NAME_CHARACTERS = 80
"""Most characters of a column's name."""
_SAMPLED_ROWS = 12

_HEADER_RULE = re.compile(r"(?:\s{0,3}\|)?(?:\s*+:?-++:?\s*+\|)+\s*+(?::?-++:?\s*+)?\|?\s*+")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_CELL_SEPARATOR = re.compile(r"(?<!\\)\|")
_MAX_UNLABELLED_CHARACTERS = 400
"""A Markdown table of so many characters fits into a passage, and stays as it is."""


@dataclass(frozen=True, slots=True)
class _Table:
    """The names of a table's columns, and which columns have numbers or dates."""

    header: list[str]
    values: frozenset[int]


def label_row(header: Row, row: Row) -> str:
    """Formats one row as `Town: Basel; Trams: 13`. Empty cells are left out."""
    cells = []
    for at, cell in enumerate(row):
        value = " ".join(cell.split())
        if value:
            column = " ".join(header[at].split()) if at < len(header) else ""
            cells.append(f"{column}: {value}" if column else value)
    return "; ".join(cells)


def sheet_to_text(rows: Iterable[Row]) -> str:
    """Converts a sheet to paragraphs: captions above a table, then each of its rows.

    Rows are separated from each other by blank ones where a sheet has several tables.
    """
    lines = BoundedText()
    before: _Table | None = None
    for block in _split_blocks(rows):
        captions, table = _split_captions(block)
        lines.extend(captions)
        if before is not None and _continues_table(before, table):
            lines.extend(label_row(before.header, row) for row in table)
        elif len(table) > 1 and _names_columns(table[0], table[1 : 1 + _SAMPLED_ROWS]):
            before = _Table(table[0], _value_columns(table[1 : 1 + _SAMPLED_ROWS]))
            lines.extend(label_row(before.header, row) for row in table[1:])
        else:
            lines.extend(_join_cells(row) for row in table)
    return lines.join("\n\n")


def _split_blocks(rows: Iterable[Row]) -> Iterator[list[list[str]]]:
    """Rows between blank ones, without the empty cells at their ends."""
    block: list[list[str]] = []
    for row in rows:
        cells = [cell.strip() for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            block.append(cells)
        elif block:
            yield block
            block = []
    if block:
        yield block


def _split_captions(block: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """What stands above a table in rows of one cell, and the table."""
    if max(map(_count_filled, block)) < 2:
        return [_join_cells(row) for row in block], []
    at = 0
    while _count_filled(block[at]) < 2:
        at += 1
    return [_join_cells(row) for row in block[:at]], block[at:]


def _names_columns(first: Row, rest: Sequence[Row]) -> bool:
    """Whether a row is the header of those below it."""
    names = [cell for cell in first if cell]
    return (
        len(set(names)) == len(names)
        and len(names) >= 0.6 * max(map(_count_filled, rest))
        and not any(_is_value(cell) for cell in names)
        and any(not _YEAR.fullmatch(cell) for cell in names)
        and max(map(len, names)) <= MAX_COLUMN_NAME_CHARACTERS
    )


def _continues_table(before: _Table, table: Sequence[Row]) -> bool:
    """Whether rows after a blank one belong to the table above it: they have its columns, values
    where it has some, and no header of their own."""
    if not table or max(map(len, table)) > len(before.header):
        return False
    if not before.values:
        return len(table) == 1 and _count_filled(table[0]) == _count_filled(before.header)
    return any(_is_value(table[0][at]) for at in before.values if at < len(table[0]))


def _value_columns(rows: Sequence[Row]) -> frozenset[int]:
    return frozenset(at for row in rows for at, cell in enumerate(row) if _is_value(cell))


def _join_cells(row: Row) -> str:
    cells = [" ".join(cell.split()) for cell in row if cell]
    if len(cells) == 2 and not _is_value(cells[0]) and not cells[0].endswith(":"):
        return ": ".join(cells)
    return "; ".join(cells)


def _is_value(cell: str) -> bool:
    return bool(_VALUE.fullmatch(cell)) and not _YEAR.fullmatch(cell)


def _count_filled(row: Row) -> int:
    return sum(1 for cell in row if cell)


# --- Markdown ------------------------------------------------------------------------------------


def label_tables(markdown: str) -> str:
    """Returns the Markdown with the rows of long tables labelled; short tables stay as they are."""
    if "|" not in markdown:
        return markdown
    lines = markdown.split("\n")
    made: list[str] = []
    fence = ""
    at = 0
    while at < len(lines):
        mark = _FENCE.match(lines[at])
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        end = at if fence else _table_end(lines, at)
        if end == at:
            made.append(lines[at])
            at += 1
            continue
        table = _with_header(lines[at:end])
        if sum(map(len, table)) > _MAX_UNLABELLED_CHARACTERS:
            table = ["", *_label_table(table), ""]
        made.extend(table)
        at = end
    return "\n".join(made).strip("\n")


def _table_end(lines: Sequence[str], at: int) -> int:
    """The line after the table that begins here; `at` itself where none does."""
    if at + 1 >= len(lines) or "|" not in lines[at] or not _HEADER_RULE.fullmatch(lines[at + 1]):
        return at
    end = at + 2
    while end < len(lines) and lines[end].strip() and "|" in lines[end]:
        end += 1
    return end


def _with_header(table: list[str]) -> list[str]:
    """The table with its first row as header where that is empty, as converters leave it."""
    if len(table) > 2 and not any(_split_cells(table[0])):
        return [table[2], table[1], *table[3:]]
    return table


def _label_table(table: Sequence[str]) -> list[str]:
    header = _split_cells(table[0])
    rows = [_split_cells(line) for line in table[2:]]
    if rows and max(map(len, header)) <= MAX_COLUMN_NAME_CHARACTERS:
        texts = [label_row(header, row) for row in rows]
    else:  # a table that only arranges text has text in its first row, too
        texts = [label_row((), row) for row in (header, *rows)]
    return "\n\n".join(filter(None, texts)).split("\n")


def _split_cells(line: str) -> list[str]:
    inner = line.strip()
    inner = inner.removeprefix("|")
    if inner.endswith("|") and not inner.endswith("\\|"):
        inner = inner[:-1]
    return [cell.strip().replace("\\|", "|") for cell in _CELL_SEPARATOR.split(inner)]
