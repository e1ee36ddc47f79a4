"""Makes tables of cells that span rows and columns, and tells which of their rows name columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.skills.document_tree import Table

_MAX_REPEATED_CHARACTERS = 200
"""Characters of a cell that is said again where it spans; a longer one is not."""
_MAX_HEADER_ROWS = 4
_MAX_COLUMNS = 1_000
_MAX_RECTANGLE_CELLS = 500_000
"""Cells of a table whose rows are all as wide as the widest made by spans."""
_MAX_TITLE_CHARACTERS = 300
_VALUE = re.compile(r"[-+−–~<>≤≥±€$£¥\s]{0,4}\d.*")


@dataclass(slots=True)
class Cell:
    """A cell as it is written: its text, and how many columns and rows it covers."""

    columns: int = 1
    rows: int = 1
    is_header: bool = False
    is_bold: bool = False
    lines: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The lines of the cell."""
        return "\n".join(self.lines)


@dataclass(slots=True)
class Row:
    """A row as it is written, without what spans into it from above."""

    in_head: bool = False
    cells: list[Cell] = field(default_factory=list)

    @property
    def names_columns(self) -> bool:
        """Whether the page says so."""
        return self.in_head or (bool(self.cells) and all(cell.is_header for cell in self.cells))


@dataclass(slots=True)
class GridBudget:
    """How many cells of a document may yet be said again: a few bytes could ask for millions."""

    repeated_cells: int = 20_000


def make_table(rows: Sequence[Row], caption: str, budget: GridBudget) -> Table | None:
    """Make a table of its rows as they are written; None where no cell says anything."""
    rows = [row for row in rows if row.cells]
    head = 0
    while head < min(len(rows), _MAX_HEADER_ROWS) and rows[head].names_columns:
        head += 1
    if head == len(rows):
        head = min(1, head - 1)
    rows, titles = _split_title(rows, head)
    head -= len(titles)
    filled = [tuple(row) for row in _fill(rows, budget)]
    if not any(any(row) for row in filled):
        return None
    if not head and len(rows) > 1 and _seems_header(rows, filled):
        head = 1
    return Table(tuple(filled), head, "\n".join(filter(None, [caption, *titles])))


def _split_title(rows: Sequence[Row], head: int) -> tuple[Sequence[Row], list[str]]:
    """What stands in a header row of one cell is a title, where other header rows follow."""
    first = rows[0] if rows else Row()
    if head > 1 and len(first.cells) == 1 and len(first.cells[0].text) <= _MAX_TITLE_CHARACTERS:
        return rows[1:], [first.cells[0].text]
    return rows, []


def _fill(rows: Sequence[Row], budget: GridBudget) -> list[list[str]]:
    """The rows with the text of each cell wherever it covers a place."""
    filled: list[list[str]] = []
    above: dict[int, tuple[int, str]] = {}  # by column: rows to come, and the text
    most = max(50, min(_MAX_COLUMNS, _MAX_RECTANGLE_CELLS // max(1, len(rows))))
    for row in rows:
        below: dict[int, tuple[int, str]] = {}
        made: list[str] = []
        for cell in row.cells:
            while len(made) in above:
                _take_above(made, above, below, budget)
            _put_cell(cell, made, below, budget, most)
        last = max(above, default=-1)
        while len(made) <= last and budget.repeated_cells > 0:
            _take_above(made, above, below, budget)
        filled.append(made)
        above = below
    return filled


def _take_above(
    made: list[str],
    above: dict[int, tuple[int, str]],
    below: dict[int, tuple[int, str]],
    budget: GridBudget,
) -> None:
    """Fill the next place of a row with what spans into it, or with nothing."""
    left, text = above.pop(len(made), (0, ""))
    budget.repeated_cells -= 1
    if left > 1 and budget.repeated_cells > 0:
        below[len(made)] = left - 1, text
    made.append(text)


def _put_cell(
    cell: Cell, made: list[str], below: dict[int, tuple[int, str]], budget: GridBudget, most: int
) -> None:
    """Put a cell at the end of a row that may have so many columns."""
    width = max(1, min(cell.columns, most - len(made), budget.repeated_cells))
    again = cell.text if len(cell.text) <= _MAX_REPEATED_CHARACTERS else ""
    budget.repeated_cells -= width - 1
    if cell.rows > 1 and budget.repeated_cells > 0:
        below.update((len(made) + at, (cell.rows - 1, again)) for at in range(width))
    made += [cell.text, *[again] * (width - 1)]


def _seems_header(rows: Sequence[Row], filled: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names columns though the page does not say so: it alone is bold, or
    values stand below it alone."""
    first = rows[0].cells
    if all(cell.is_bold or not cell.text for cell in first):
        return not all(cell.is_bold or not cell.text for cell in rows[1].cells)
    names = filled[0]
    if len(names) < 2 or len(set(names)) < len(names) or not all(names):
        return False
    if any(_VALUE.fullmatch(name) or len(name) > 80 for name in names):
        return False
    below = [row for row in filled[1:13] if len(row) == len(names)]
    return any(
        bool(below) and all(_VALUE.fullmatch(row[at]) for row in below) for at in range(len(names))
    )
