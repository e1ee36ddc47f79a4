"""Divides cells that stand so near to each other that they look like one: those of a table without
lines, whose gaps are no wider than a space.

Each begins a drawing of its own, at the same place in line after line. Words of prose do not.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence, Set

from bot.knowledge.loading.pdf.lines import Cell, Line, is_mark, make_cell, make_line
from bot.knowledge.loading.pdf.words import Word

_MIN_LINES = 4
_SAME_POINTS = 0.6
_MIN_GAP_EM = 0.1


def divide_aligned(lines: Sequence[Line]) -> list[Line]:
    """The lines of a page, with the cells divided where several lines below each other begin a
    word at the same place."""
    places = [_starts(line) for line in lines]
    begins = [
        sorted([*inner, *(cell.x for cell in line.cells[1:])])
        for inner, line in zip(places, lines, strict=True)
    ]
    divided: list[Line] = []
    for at, line in enumerate(lines):
        common = {x for x in places[at] if _run_length(begins, lines, at, x) >= _MIN_LINES}
        divided.append(_divide(line, common) if common else line)
    return divided


def _starts(line: Line) -> list[float]:
    """Where words within the cells of a line begin a drawing of their own."""
    if line.mono:
        return []
    return [word.x for cell in line.cells for _, word in _inner_starts(line, cell)]


def _inner_starts(line: Line, cell: Cell) -> Iterator[tuple[int, Word]]:
    """The words within a cell that begin a drawing; not those after a list's mark."""
    for at, word in enumerate(cell.words[1:], 1):
        last = cell.words[at - 1]
        apart = word.y == last.y and word.x - last.end > _MIN_GAP_EM * word.size
        marked = at == 1 and cell is line.cells[0] and is_mark(last.text)
        if apart and word.run != last.run and not marked:
            yield at, word


def _run_length(begins: Sequence[Sequence[float]], lines: Sequence[Line], at: int, x: float) -> int:
    """How many lines, this one and those around it, begin a word or a cell at x."""
    count = 1
    for step in (-1, 1):
        for other in range(at + step, at + step * 2 * _MIN_LINES, step):
            if not 0 <= other < len(lines) or count >= _MIN_LINES:
                break
            near = bisect_left(begins[other], x - _SAME_POINTS)
            if begins[other][near : near + 1] and begins[other][near] <= x + _SAME_POINTS:
                count += 1
            elif lines[other].end > x:
                break
    return count


def _divide(line: Line, places: Set[float]) -> Line:
    cells: list[Cell] = []
    for cell in line.cells:
        cuts = [at for at, word in _inner_starts(line, cell) if word.x in places]
        for start, end in zip([0, *cuts], [*cuts, len(cell.words)], strict=True):
            cells.append(make_cell(cell.words[start:end]))
    made = make_line(line.page, cells)
    made.margin = line.margin
    return made
