"""Loads XLSX: each sheet as its program shows it, row by row, without what is hidden."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from xml.etree.ElementTree import Element

from bot.catalogue.sentence import say
from bot.errors import Refused
from bot.knowledge.loading.office.number_format import format_number, format_text, plain_number
from bot.knowledge.loading.office.package import Damaged, Package, without_text
from bot.knowledge.loading.office.xlsx_book import (
    S,
    Sheet,
    Workbook,
    comments,
    drawn,
    elements,
    open_workbook,
    rich_text,
    unescape,
)
from bot.knowledge.loading.table_text import rows_to_blocks
from bot.skills.document_loader import MAX_CHARACTERS, Loaded, TooLong
from bot.skills.document_tree import Block, Heading, Paragraph, Place, list_left_out

_MAX_ROWS = 200_000
_MAX_COVERED_CELLS = 1_000_000
"""Cells that merged ones cover in all."""
_MAX_COLUMNS = 16_384
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_ON = frozenset({"1", "true"})


@dataclass(slots=True)
class _Grid:
    """The cells of a sheet that show something, by row and column, both from 1."""

    rows: dict[int, dict[int, str]] = field(default_factory=dict)
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    """First row and column, last row and column."""
    hidden_columns: list[tuple[int, int]] = field(default_factory=list)
    hidden_rows: set[int] = field(default_factory=set)


class _Reader:
    """Reads the sheets of one workbook; counts what it leaves out."""

    def __init__(self, book: Workbook, name: str) -> None:
        self._book = book
        self._name = name
        self._left = MAX_CHARACTERS
        self._covered = _MAX_COVERED_CELLS
        self.left_out: Counter[str] = Counter()

    def read(self, sheet: Sheet) -> list[Block]:
        """The blocks of a sheet: its name, its rows, and what is written over them."""
        try:
            grid = self._grid(sheet)
        except Damaged:
            self.left_out["damaged sheet"] += 1
            return []
        self._fill_merged(grid)
        self._drop_hidden(grid)
        numbers = _numbers(grid)
        used = sorted({column for row in grid.rows.values() for column in row})
        lines = (
            [grid.rows[number].get(column, "") for column in used] if number in grid.rows else []
            for number in numbers
        )
        places = (Place(sheet=sheet.name, row=number) for number in numbers)
        blocks = list(rows_to_blocks(lines, places) if numbers else ())
        try:
            blocks += self._over_cells(sheet)
        except Damaged:
            self.left_out["damaged drawing or comments"] += 1
        return [Heading(1, sheet.name, place=Place(sheet=sheet.name)), *blocks] if blocks else []

    def _over_cells(self, sheet: Sheet) -> Iterator[Block]:
        for row, block in drawn(self._book.package, sheet.path, self.left_out):
            yield replace(block, place=Place(sheet=sheet.name, row=row))
        for reference, text in comments(self._book.package, sheet.path):
            row, _ = _cell_of(reference, 0, 0)
            if text:
                yield Paragraph(text, "comment", Place(sheet=sheet.name, row=row))

    def _grid(self, sheet: Sheet) -> _Grid:
        grid = _Grid()
        number = 0
        for element in elements(
            self._book.package, sheet.path, f"{S}row", f"{S}col", f"{S}mergeCell"
        ):
            if element.tag == f"{S}row":
                number = self._read_row(element, number, grid)
            elif element.tag == f"{S}mergeCell":
                first, _, last = element.get("ref", "").partition(":")
                row, column = _cell_of(first, 0, 0)
                grid.merged.append((row, column, *_cell_of(last or first, row, column)))
            elif _is_hidden(element, "width"):
                start, end = element.get("min", "0"), element.get("max", "0")
                known = len(grid.hidden_columns) < _MAX_COLUMNS
                if known and start.isdecimal() and end.isdecimal():
                    grid.hidden_columns.append((int(start), int(end)))
        return grid

    def _read_row(self, element: Element, before: int, grid: _Grid) -> int:
        given = element.get("r", "")
        number = int(given) if given.isdecimal() and len(given) < 10 else before + 1
        cells: dict[int, str] = {}
        column = 0
        for cell in element:
            if cell.tag != f"{S}c":
                continue
            column = _cell_of(cell.get("r", ""), number, column + 1)[1]
            text = self._show(cell)
            if text and not text.isspace() and 0 < column <= _MAX_COLUMNS:
                self._left -= len(text)
                cells[column] = text
        if self._left < 0:
            raise TooLong(self._name)
        if cells:
            grid.rows[number] = cells
            if _is_hidden(element, "ht"):
                grid.hidden_rows.add(number)
            if len(grid.rows) > _MAX_ROWS:
                raise Refused(
                    say(
                        "{name} has more than {limit:,} rows; split it.",
                        name=self._name[:100],
                        limit=_MAX_ROWS,
                    )
                )
        return number

    def _show(self, cell: Element) -> str:
        """A cell as it is shown; a formula that nobody calculated is shown itself."""
        kind = cell.get("t", "n")
        if kind == "inlineStr":
            inside = cell.find(f"{S}is")
            return "" if inside is None else rich_text(inside)
        value = cell.findtext(f"{S}v")
        if not value:
            formula = cell.find(f"{S}f")
            if formula is None:
                return ""
            if not formula.text:
                self.left_out["formula without a value"] += formula.get("t") == "shared"
                return ""
            return f"={formula.text}"
        if kind == "s":
            at = int(value) if value.isdecimal() else -1
            text = self._book.texts[at] if 0 <= at < len(self._book.texts) else ""
            return format_text(text, self._format(cell)) if text else ""
        if kind == "b":
            return "TRUE" if value == "1" else "FALSE"
        if kind == "d":
            return value.removesuffix("T00:00:00").replace("T", " ")
        if kind in ("str", "e"):
            return unescape(value)
        return self._number(value, self._format(cell))

    def _number(self, value: str, form: str) -> str:
        try:
            number = float(value)
        except ValueError:
            return value
        if not form or form == "General":
            if value.lstrip("-").isdecimal():
                return value
            return plain_number(number) if number - number == 0 else value
        return format_number(number, form, from_1904=self._book.from_1904)

    def _format(self, cell: Element) -> str:
        style = cell.get("s", "0")
        formats = self._book.formats
        return formats[int(style)] if style.isdecimal() and int(style) < len(formats) else ""

    def _fill_merged(self, grid: _Grid) -> None:
        """Puts the text of merged cells into all that they cover, where there are others."""
        numbers = sorted(grid.rows)
        width = max((max(row) for row in grid.rows.values()), default=0)
        for top, left, bottom, right in grid.merged:
            text = grid.rows.get(top, {}).get(left)
            if not text:
                continue
            start = bisect_left(numbers, top)
            end = bisect_left(numbers, bottom + 1)
            columns = range(left, min(right, max(width, left)) + 1)
            covered = (end - start) * len(columns)
            self._covered -= covered
            self._left -= covered * len(text)
            if self._covered < 0 or self._left < 0:
                raise TooLong(self._name)
            for number in numbers[start:end]:
                for column in columns:
                    grid.rows[number].setdefault(column, text)

    def _drop_hidden(self, grid: _Grid) -> None:
        for number in grid.hidden_rows:
            del grid.rows[number]
        self.left_out["hidden row"] += len(grid.hidden_rows)
        if not grid.hidden_columns:
            return
        used = {column for row in grid.rows.values() for column in row}
        hidden = {
            column
            for column in used
            if any(start <= column <= end for start, end in grid.hidden_columns)
        }
        self.left_out["hidden column"] += len(hidden)
        for number, row in list(grid.rows.items()):
            grid.rows[number] = {at: text for at, text in row.items() if at not in hidden}


def _numbers(grid: _Grid) -> list[int]:
    """The numbers of the rows that show something, and of one empty row where there are some."""
    shown = sorted(grid.rows)
    gaps = [number - 1 for before, number in pairwise(shown) if number > before + 1]
    return sorted(shown + gaps)


def _cell_of(reference: str, row: int, column: int) -> tuple[int, int]:
    """Row and column of a reference such as `B7`; those given where it is none."""
    found = _REFERENCE.fullmatch(reference.replace("$", ""))
    if found is None:
        return row, column
    number = 0
    for letter in found[1]:
        number = number * 26 + ord(letter) - 64
    return int(found[2]), number


def _is_hidden(element: Element, size: str) -> bool:
    return element.get("hidden", "0") in _ON or element.get(size) == "0"


def load_xlsx(data: bytes, name: str) -> Loaded:
    with Package(data, name, say("an XLSX")) as package:
        book = open_workbook(package)
        reader = _Reader(book, name)
        blocks: list[Block] = []
        for sheet in book.sheets:
            if sheet.hidden:
                reader.left_out["hidden sheet"] += 1
            else:
                blocks += reader.read(sheet)
        if not blocks and reader.left_out["damaged sheet"]:
            raise Damaged
        title = package.title()
    if not blocks:
        raise without_text(name)
    return Loaded(title=title, blocks=tuple(blocks), left_out=list_left_out(reader.left_out))
