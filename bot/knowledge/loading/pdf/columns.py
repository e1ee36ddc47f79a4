"""Puts the lines of a PDF page into the order in which they are read: column by column.

Columns of prose are read one after the other; the columns of a table stay beside each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bot.knowledge.loading.pdf.lines import Cell, Line, make_line

_MAX_DEPTH = 12
_MAX_CANDIDATES = 6
_MIN_COLUMN_LINES = 4
_MIN_LAST_LINES = 2
"""Lines of a last column, which may be a short one."""
_MIN_COLUMN_POINTS = 50.0
_EDGE_GRID_POINTS = 3.0
"""Edges that are so near to each other are one."""
_PROSE_CHARACTERS = 20
"""Letters of the usual line in a column of prose."""
_NARROW_CHARACTERS = 12
"""Letters of the usual line in a narrow column beside one of prose."""
_PROSE_FILL = 0.6
"""How much of its column the usual line of prose fills."""
_MAX_CELLS_OF_PROSE = 1.2
"""Cells in the usual line of prose: it has one."""
_BAND_EM = 2.4
"""Space between two lines of so many sizes of the letters is more than that of a paragraph."""
_MIN_SHARE_OF_LINES = 0.3
"""Lines that a column has at least, as a share of those beside it."""


def order_lines(lines: list[Line], depth: int = 0) -> list[Line]:
    """Lines from top to bottom, as they are read."""
    found = _find_gutter(lines) if depth < _MAX_DEPTH else None
    if found is None:
        return lines
    left, right = _divide(lines[found.start : found.end], found.x)
    return [
        *order_lines(lines[: found.start], depth + 1),
        *order_lines(left, depth + 1),
        *order_lines(right, depth + 1),
        *order_lines(lines[found.end :], depth + 1),
    ]


@dataclass(frozen=True, slots=True)
class _Gutter:
    """The space between two columns: the lines that it divides, and where."""

    start: int
    end: int
    x: float

    def length(self) -> int:
        return self.end - self.start


def _find_gutter(lines: Sequence[Line]) -> _Gutter | None:
    """The longest space between two columns of prose."""
    if len(lines) < _MIN_COLUMN_LINES:
        return None
    leftmost = min(line.x for line in lines) + _MIN_COLUMN_POINTS
    edges = Counter(
        edge
        for line in lines
        for edge in {round(cell.x / _EDGE_GRID_POINTS) for cell in line.cells}
        if edge * _EDGE_GRID_POINTS > leftmost
    )
    spans = [_spans(line) for line in lines]
    found: list[_Gutter] = []
    for edge, times in edges.most_common(_MAX_CANDIDATES):
        if times >= _MIN_LAST_LINES:
            found += _runs(lines, spans, (edge - 1) * _EDGE_GRID_POINTS)
    found.sort(key=lambda gutter: gutter.start - gutter.end)
    bands: list[_Gutter] = []
    for run in found:
        best = max(bands, key=_Gutter.length, default=None)
        if best is not None and best.length() >= run.length():
            break
        if _are_columns(lines[run.start : run.end], run.x):
            return run
        bands += [
            band
            for band in _bands(lines, run)
            if _are_columns(lines[band.start : band.end], band.x)
        ]
    return max(bands, key=_Gutter.length, default=None)


def _spans(line: Line) -> list[tuple[float, float]]:
    """What no gutter may cross in a line."""
    if line.table is not None:
        return [(line.x, line.end)]
    return [(cell.x + 1, cell.end - 1) for cell in line.cells]


def _runs(
    lines: Sequence[Line], spans: Sequence[Sequence[tuple[float, float]]], x: float
) -> list[_Gutter]:
    """The runs of lines of which none crosses x, and that stand on both sides of it."""
    crossed = [-1]
    for at, in_line in enumerate(spans):
        for start, end in in_line:
            if start < x < end:
                crossed.append(at)
                break
    crossed.append(len(lines))
    return [
        _trimmed(lines, _Gutter(before + 1, after, x))
        for before, after in pairwise(crossed)
        if after - before > _MIN_COLUMN_LINES
    ]


def _bands(lines: Sequence[Line], run: _Gutter) -> list[_Gutter]:
    """A run, cut where nothing stands over the whole width for two lines and more."""
    cuts = [
        at
        for at in range(run.start + 1, run.end)
        if lines[at - 1].y - lines[at].y > _BAND_EM * lines[at].size
    ]
    edges = [run.start, *cuts, run.end]
    return [_Gutter(one, two, run.x) for one, two in pairwise(edges)] if cuts else []


def _trimmed(lines: Sequence[Line], run: _Gutter) -> _Gutter:
    """A run without the lines above the second column, which may be headings of both."""
    right = [at for at in range(run.start, run.end) if lines[at].end > run.x]
    left = [at for at in range(run.start, run.end) if lines[at].x < run.x]
    if not right or not left:
        return run
    start, first = run.start, max(right[0], left[0])
    for at in range(run.start, first):
        beside = lines[first].y + 3 * lines[first].size
        if lines[at].y > beside and lines[at].size > 1.05 * lines[first].size:
            start = at + 1
    return _Gutter(start, run.end, run.x)


def _are_columns(lines: Sequence[Line], x: float) -> bool:
    left, right = _Side(lines, x, right=False), _Side(lines, x, right=True)
    few, many = sorted((left.lines, right.lines))
    if few < _MIN_LAST_LINES or many < _MIN_COLUMN_LINES:
        return False
    if left.is_prose and right.is_prose:
        return True
    if few < _MIN_COLUMN_LINES or few < _MIN_SHARE_OF_LINES * many:
        return False
    return (left.is_prose and right.goes_beside(left)) or (
        right.is_prose and left.goes_beside(right)
    )


class _Side:
    """What stands on one side of a gutter."""

    def __init__(self, lines: Sequence[Line], x: float, *, right: bool) -> None:
        self.lines = cells = 0
        widths, lengths, cell_lengths = [], [], []
        low, high = float("inf"), float("-inf")
        for line in lines:
            mine = [cell for cell in line.cells if (cell.middle > x) == right]
            self.lines += bool(mine)
            if line.table is None and mine:
                widths.append(mine[-1].end - mine[0].x)
                low, high = min(low, mine[0].x), max(high, mine[-1].end)
                of_cells = [len(cell.text) for cell in mine]
                lengths.append(sum(of_cells))
                cell_lengths += of_cells
                cells += len(mine)
        self.characters = _median(lengths)
        self.cell_characters = _median(cell_lengths)
        self.fill = _median(widths) / max(high - low, 1.0) if widths else 1.0
        self.cells = cells / len(widths) if widths else 1.0

    @property
    def is_prose(self) -> bool:
        return (
            self.characters >= _PROSE_CHARACTERS
            and self.fill >= _PROSE_FILL
            and self.cells <= _MAX_CELLS_OF_PROSE
        )

    def goes_beside(self, prose: _Side) -> bool:
        """Whether this can be the column beside one of prose, and not the labels of its rows."""
        if self.cells > 1.5 * _MAX_CELLS_OF_PROSE and self.cell_characters < _PROSE_CHARACTERS - 4:
            return prose.characters >= 1.5 * _PROSE_CHARACTERS
        return self.characters >= _NARROW_CHARACTERS or not self.characters


def _median(numbers: list[Any]) -> float:
    return float(sorted(numbers)[len(numbers) // 2]) if numbers else 0.0


def _divide(lines: Sequence[Line], x: float) -> tuple[list[Line], list[Line]]:
    """The lines left and right of x."""
    sides: tuple[list[Line], list[Line]] = ([], [])
    for line in lines:
        if line.table is not None:
            sides[line.cells[0].middle > x].append(line)
            continue
        parts: tuple[list[Cell], list[Cell]] = ([], [])
        for cell in line.cells:
            parts[cell.middle > x].append(cell)
        if not parts[0] or not parts[1]:
            sides[not parts[0]].append(line)
            continue
        for side, cells in zip(sides, parts, strict=True):
            half = make_line(line.page, cells)
            half.margin = line.margin
            side.append(half)
    return sides
