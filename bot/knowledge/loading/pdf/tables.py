"""Finds tables without ruling lines among the lines of a PDF: cells that stand below each other."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from statistics import median

from bot.knowledge.loading.pdf.headers import count_header_rows, is_value
from bot.knowledge.loading.pdf.lines import Cell, Line, make_cell
from bot.knowledge.loading.pdf.text import join_lines
from bot.knowledge.loading.pdf.words import Word
from bot.skills.document_tree import Place, Table

_MIN_ROWS = 3
_MAX_STARTS = 4
"""Lines of a run that are tried as the first of a table."""
_WRAP_LOOKBACK_ROWS = 8
"""Rows above a line that are looked at for the cell that it goes on with."""
_CROSSED_SHARE = 0.1
"""Rows of a table in which a cell reaches over two columns, at most."""
_FULL_SHARE = 0.6
"""A row of so many cells, as a share of the most, tells where the columns are."""
_MIN_GUTTER_POINTS = 1.0
_SAME_POINTS = 1.5
_MAX_MEAN_CHARACTERS = 60
"""Cells of more, on average, are prose."""
_MIN_FILLED_SHARE = 0.4
_MAX_LEADING_EM = 4.0
_WRAP_LEADING_EM = 1.45
"""Lines that stand no further apart can be those of one cell."""
_SAMPLED_ROWS = 12


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table, and the line after its last one."""

    table: Table
    end: int


class TableFinder:
    """Finds the tables of a document, whose lines are in reading order."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines
        self._tried: dict[int, int] = {}

    def find(self, at: int) -> FoundTable | None:
        """The table that begins with a line."""
        lines = self._lines
        tried = self._tried.pop(at, 0)
        if len(lines[at].cells) < 2 or tried >= _MAX_STARTS:
            return None
        end = self._run_end(at)
        rows = lines[at:end]
        found = _read_table(rows) if sum(len(row.cells) > 1 for row in rows) >= _MIN_ROWS else None
        if found is not None:
            return FoundTable(found, end)
        for later in range(at + 1, end):
            self._tried[later] = tried + 1
        return None

    def _run_end(self, at: int) -> int:
        """The line after those that may be rows; a cell that wraps is a line of its own."""
        lines = self._lines
        end = sure = at + 1
        while end < len(lines):
            line, last = lines[end], lines[end - 1]
            if line.table is not None or not 0.85 < line.size / lines[at].size < 1.18:
                break
            apart = last.y - line.y
            if line.page == last.page and not 0 < apart < _MAX_LEADING_EM * line.size:
                break
            if len(line.cells) > 1 or _wraps(lines[max(at, end - _WRAP_LOOKBACK_ROWS) : end], line):
                end = sure = end + 1
            elif (
                end - sure < 1 and len(line.text) < _MAX_MEAN_CHARACTERS and line.page == last.page
            ):
                end += 1  # a row of one cell, if others follow
            else:
                break
        return sure


def _wraps(rows: Sequence[Line], line: Line) -> bool:
    """Whether a single cell goes on with the one above it: right below, in a later column."""
    last = rows[-1]
    if last.page != line.page or last.y - line.y >= 1.5 * line.size or len(line.cells) != 1:
        return False
    mine = line.cells[0]
    return any(
        abs(cell.x - mine.x) < 2
        or (abs(cell.middle - mine.middle) < 2 and mine.x > row.cells[0].end)
        or (abs(cell.end - mine.end) < 2 and mine.x > row.cells[0].end)
        for row in rows
        for cell in row.cells[1:]
    )


def _read_table(lines: Sequence[Line]) -> Table | None:
    columns = _find_columns(lines)
    if len(columns) < 2:
        return None
    rows = [_place_cells(line, columns) for line in lines]
    cells = [cell for row in rows for cell in row if cell]
    if sum(map(len, cells)) > _MAX_MEAN_CHARACTERS * len(cells):
        return None
    many = [row for row, line in zip(rows, lines, strict=True) if len(line.cells) > 1]
    if sum(bool(cell) for row in many for cell in row) < _MIN_FILLED_SHARE * len(many) * len(
        columns
    ):
        return None
    return _build(lines, rows)


def _build(lines: Sequence[Line], rows: Sequence[list[str]]) -> Table:
    header_lines = count_header_rows(rows, [line.bold for line in lines])
    built: list[list[str]] = []
    places: list[Place] = []
    bold: list[bool] = []
    leading = _row_leading(lines, rows)
    for at, (line, row) in enumerate(zip(lines, rows, strict=True)):
        if built and line.page != lines[0].page and row == rows[0]:
            continue  # the header once more, on the next page
        if (
            built
            and at >= header_lines
            and _goes_on(lines[at - 1], line, rows[at - 1], row, leading)
        ):
            built[-1] = [join_lines(*cells) for cells in zip(built[-1], row, strict=True)]
            continue
        built.append(row)
        places.append(Place(page=line.page))
        bold.append(line.bold)
    header = count_header_rows(built, bold)
    texts = tuple(tuple(cell.replace("\xad", "-") for cell in row) for row in built)
    return Table(texts, header, "", places[0], tuple(places) if places[0] != places[-1] else ())


def _row_leading(lines: Sequence[Line], rows: Sequence[list[str]]) -> float:
    """How far apart the rows are whose first cell is filled."""
    apart = [
        above.y - below.y
        for (above, below), row in zip(pairwise(lines), rows[1:], strict=True)
        if row[0] and above.page == below.page
    ]
    return median(apart) if apart else 0.0


def _goes_on(last: Line, line: Line, above: list[str], row: list[str], leading: float) -> bool:
    """Whether a line of cells goes on with the cells above, and is no row of its own."""
    apart = last.y - line.y
    if last.page != line.page or apart > _WRAP_LEADING_EM * line.size:
        return False
    if any(is_value(cell) for cell in row if cell) or not any(row):
        return False
    if any(cell and not over for cell, over in zip(row, above, strict=True)):
        return False
    return not row[0] or (apart < 0.85 * leading)


# --- columns -------------------------------------------------------------------------------------


def _find_columns(lines: Sequence[Line]) -> list[Cell]:
    """Where the columns are, as the fuller rows have them."""
    most = max(len(line.cells) for line in lines)
    full = [line for line in lines if len(line.cells) >= max(2, _FULL_SHARE * most)]
    if len(full) < 2:
        return []
    edges = sorted(
        edge
        for line in full
        for cell in line.cells
        if not _is_merged(cell, full)
        for edge in ((cell.x, 1), (cell.end, -1))
    )
    allowed = _CROSSED_SHARE * len(full)
    columns: list[Cell] = []
    covering, started = 0, 0.0
    inside = False
    for place, step in edges:
        covering += step
        if not inside and covering > allowed:
            inside, started = True, place
        elif inside and covering <= allowed:
            inside = False
            if columns and started - columns[-1].end < _MIN_GUTTER_POINTS:
                columns[-1].end = place
            else:
                columns.append(Cell(started, place, ""))
    return columns


def _is_merged(cell: Cell, rows: Sequence[Line]) -> bool:
    """Whether a cell reaches over two cells of most other rows, and tells no column."""
    sampled = rows[:_SAMPLED_ROWS]
    if len(sampled) < _MIN_ROWS:
        return False
    over = sum(
        sum(cell.x - _SAME_POINTS <= other.x and other.end <= cell.end + _SAME_POINTS
            for other in row.cells) > 1
        for row in sampled
    )  # fmt: skip
    return 2 * over > len(sampled)


def _place_cells(line: Line, columns: Sequence[Cell]) -> list[str]:
    """The text of a line by column; one cell over several columns stands in each of them."""
    row = [""] * len(columns)
    starts, ends = [c.x for c in columns], [c.end for c in columns]
    for cell in line.cells:
        first = min(bisect_right(ends, cell.x + 1), len(columns) - 1)
        last = max(bisect_left(starts, cell.end - 1) - 1, 0)
        if first >= last:
            at = min(
                range(max(0, first - 1), min(len(columns), first + 2)),
                key=lambda n: _distance(columns[n], cell.middle),
            )
            row[at] = join_lines(row[at], cell.text)
            continue
        parts = _split_cell(cell, columns[first : last + 1])
        for at, text in enumerate(parts, first):
            row[at] = join_lines(row[at], text)
    return row


def _split_cell(cell: Cell, columns: Sequence[Cell]) -> list[str]:
    """A cell over several columns: its words by column, where they stand in them; or all of them
    in each column."""
    cuts = [
        at
        for at, (last, word) in enumerate(pairwise(cell.words), 1)
        if last.run != word.run and any(abs(word.x - c.x) <= _SAME_POINTS for c in columns[1:])
    ]
    if len(cuts) == len(columns) - 1:
        edges = [0, *cuts, len(cell.words)]
        return [make_cell(cell.words[one:two]).text for one, two in pairwise(edges)]
    parts: list[list[Word]] = [[] for _ in columns]
    for word in chain.from_iterable(word.divide() for word in cell.words):
        inside = [
            at
            for at, column in enumerate(columns)
            if column.x - 1 <= word.x and word.end <= column.end + 1
        ]
        if not inside:
            return [cell.text] * len(columns)
        parts[inside[0]].append(word)
    if not all(parts):
        return [cell.text] * len(columns)
    return [make_cell(part).text for part in parts]


def _distance(column: Cell, place: float) -> float:
    return max(column.x - place, place - column.end, 0.0)
