"""Finds the tables of a PDF page whose cells are ruled off, and reads the words into them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from bot.knowledge.loading.pdf.drawing import Drawing, Rule
from bot.knowledge.loading.pdf.headers import count_header_rows
from bot.knowledge.loading.pdf.lines import Cell, Line, build_lines
from bot.knowledge.loading.pdf.text import join_lines
from bot.knowledge.loading.pdf.words import Word
from bot.skills.document_tree import Place, Table

_NEAR_POINTS = 3.0
"""How far rules that meet may be apart."""
_SAME_POINTS = 1.5
"""How far rules may be apart that are one."""
_MAX_CELLS = 20_000
_MAX_CELL_CHARACTERS = 1_200
"""A cell of more is a frame around a part of the page."""
_MIN_FILLED_SHARE = 0.25
_MIN_UNRULED_ROWS = 3
"""Rows that stand at the same heights in several cells are rows, although nothing divides them."""


def take_grids(page: int, words: list[Word], drawing: Drawing) -> tuple[list[Line], list[Word]]:
    """Returns the ruled tables of a page, each as a line, and the words that stand in none."""
    tables: list[Line] = []
    grids = _find_grids(drawing)
    if grids:
        words = [part for word in words for part in word.divide()]
        words.sort(key=lambda word: -word.y)
    for grid in grids:
        inside = [word for word in words if grid.holds(word)]
        if len(inside) < 2:
            continue
        table = grid.read(page, inside)
        if table is None:
            continue
        taken = {id(word) for word in inside}
        words = [word for word in words if id(word) not in taken]
        size = max(word.size for word in inside)
        cells = [Cell(grid.xs[0], grid.xs[-1], table.caption or "table")]
        tables.append(Line(page, grid.ys[-1] - size, size, cells, table=table))
    return tables, words


def _find_grids(drawing: Drawing) -> list[_Grid]:
    """Rules that meet, group by group, the uppermost first."""
    if len(drawing.upwards) < 2 or len(drawing.across) < 2:
        return []
    upwards, across_page = _join_rules(drawing.upwards), _join_rules(drawing.across)
    places = [rule.at for rule in upwards]
    groups = _Groups(len(upwards) + len(across_page))
    for at, rule in enumerate(across_page):
        first = bisect_left(places, rule.start - _NEAR_POINTS)
        for other in range(first, bisect_right(places, rule.end + _NEAR_POINTS)):
            meets = upwards[other]
            if meets.start - _NEAR_POINTS <= rule.at <= meets.end + _NEAR_POINTS:
                groups.join(len(upwards) + at, other)
    found: dict[int, tuple[list[Rule], list[Rule]]] = {}
    for at, rule in enumerate([*upwards, *across_page]):
        found.setdefault(groups.of(at), ([], []))[at >= len(upwards)].append(rule)
    grids = [_Grid(up, across) for up, across in found.values() if up and len(across) > 1]
    usable = [
        grid
        for grid in grids
        if len(grid.xs) > 2 and len(grid.ys) > 2 and len(grid.xs) * len(grid.ys) < _MAX_CELLS
    ]
    return sorted(usable, key=lambda grid: -grid.ys[-1])


def _join_rules(rules: Sequence[Rule]) -> list[Rule]:
    """Rules in order of their place; those that go on with each other are one."""
    rows: list[list[Rule]] = []
    for rule in sorted(rules, key=lambda rule: rule.at):
        if rows and rule.at - rows[-1][0].at <= _SAME_POINTS:
            rows[-1].append(rule)
        else:
            rows.append([rule])
    return [
        Rule(row[0].at, start, end)
        for row in rows
        for start, end in _join_spans([(rule.start, rule.end) for rule in row])
    ]


def _join_spans(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Spans in order; those that meet are one."""
    joined: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1] + _NEAR_POINTS:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


class _Groups:
    """Which rules belong together."""

    def __init__(self, count: int) -> None:
        self._above = list(range(count))

    def of(self, at: int) -> int:
        while self._above[at] != at:
            self._above[at] = self._above[self._above[at]]
            at = self._above[at]
        return at

    def join(self, one: int, two: int) -> None:
        self._above[self.of(one)] = self.of(two)


@dataclass(frozen=True, slots=True)
class _Read:
    """The text of a cell, and whether it is bold."""

    text: str
    bold: bool


class _Grid:
    """Rules that meet, and the cells between them. `xs` and `ys` are where they stand."""

    def __init__(self, upwards: Sequence[Rule], across: Sequence[Rule]) -> None:
        self._upwards, self._across = upwards, across
        ends = [min(rule.start for rule in across), max(rule.end for rule in across)]
        self.xs = _merge([*(rule.at for rule in upwards), *ends])
        self.ys = _merge([rule.at for rule in across])

    def holds(self, word: Word) -> bool:
        middle, height = (word.x + word.end) / 2, word.y + 0.3 * word.size
        return self.xs[0] <= middle <= self.xs[-1] and self.ys[0] <= height <= self.ys[-1]

    def read(self, page: int, words: Sequence[Word]) -> Table | None:
        """The table with these words; None where the rules are those of something else."""
        cells = self._fill(words)
        owners = self._owners()
        texts = {
            owner: _read_cell(page, found) for owner, found in self._merged(cells, owners).items()
        }
        filled = [read for read in texts.values() if read.text]
        if max((len(read.text) for read in filled), default=0) > _MAX_CELL_CHARACTERS:
            return None
        columns, rows = len(self.xs) - 1, len(self.ys) - 1
        grid = [[owners[row, column] for column in range(columns)] for row in range(rows)]
        table: list[tuple[str, ...]] = []
        bold: list[bool] = []
        for above, row in zip([None, *grid], grid, strict=False):
            if row == above:
                continue
            reads = [texts.get(owner, _Read("", False)) for owner in row]
            split = self._split_row(page, row, cells) if len(set(row)) == columns else []
            table += split or [tuple(read.text for read in reads)]
            bold += [False] * len(split) or [
                any(r.text for r in reads) and all(r.bold for r in reads if r.text)
            ]
        keep = [
            at
            for at in range(columns)
            if any(row[at] for row in table)
            and (not at or any(row[at] != row[at - 1] for row in grid))
        ]
        bold = [one for one, row in zip(bold, table, strict=True) if any(row)]
        table = [tuple(row[at] for at in keep) for row in table if any(row)]
        if len(keep) < 2 or len(table) < 2:
            return None
        if len(filled) < _MIN_FILLED_SHARE * len(set(owners.values())):
            return None
        return _finish(table, bold, Place(page=page))

    def _fill(self, words: Sequence[Word]) -> dict[tuple[int, int], list[Word]]:
        """The words by row, counted from above, and column."""
        cells: dict[tuple[int, int], list[Word]] = {}
        for word in words:
            column = bisect_right(self.xs, (word.x + word.end) / 2) - 1
            row = len(self.ys) - 1 - bisect_left(self.ys, word.y + 0.3 * word.size)
            place = (max(0, min(row, len(self.ys) - 2)), max(0, min(column, len(self.xs) - 2)))
            cells.setdefault(place, []).append(word)
        return cells

    def _owners(self) -> dict[tuple[int, int], int]:
        """Which cells are one, because no rule divides them."""
        columns, rows = len(self.xs) - 1, len(self.ys) - 1
        groups = _Groups(columns * rows)
        walls = _Walls(self._upwards, self.xs)
        floors = _Walls(self._across, self.ys)
        for row in range(rows):
            low, high = self.ys[rows - row - 1], self.ys[rows - row]
            for column in range(columns):
                here = row * columns + column
                if column + 1 < columns and not walls.divides(column + 1, (low + high) / 2):
                    groups.join(here + 1, here)
                middle = (self.xs[column] + self.xs[column + 1]) / 2
                if row + 1 < rows and not floors.divides(rows - row - 1, middle):
                    groups.join(here + columns, here)
        return {
            (row, column): groups.of(row * columns + column)
            for row in range(rows)
            for column in range(columns)
        }

    @staticmethod
    def _merged(
        cells: dict[tuple[int, int], list[Word]], owners: dict[tuple[int, int], int]
    ) -> dict[int, list[Word]]:
        merged: dict[int, list[Word]] = {}
        for place, words in cells.items():
            merged.setdefault(owners[place], []).extend(words)
        return merged

    def _split_row(
        self, page: int, row: Sequence[int], cells: dict[tuple[int, int], list[Word]]
    ) -> list[tuple[str, ...]]:
        """The rows in a row that no rules divide: several lines of several cells, side by side."""
        columns = len(self.xs) - 1
        number = row[0] // columns
        found = [build_lines(page, cells.get((number, column), [])) for column in range(columns)]
        heights = [{round(line.y) for line in lines} for lines in found]
        counts = sorted((len(one) for one in heights), reverse=True)
        if len(counts) < 2 or counts[1] < _MIN_UNRULED_ROWS or counts[1] < 0.7 * counts[0]:
            return []
        whole = max(heights, key=len)
        shared = [one for one in heights if len(one & whole) >= 0.7 * len(whole)]
        values = [
            line.text for lines in found[1:] for line in lines if any(map(str.isdigit, line.text))
        ]
        if len(shared) < 2 or len(values) < len(whole):
            return []
        rows: dict[int, list[str]] = {y: [""] * columns for y in sorted(whole, reverse=True)}
        for column, lines in enumerate(found):
            for line in lines:
                nearest = min(rows, key=lambda y: abs(y - line.y))
                rows[nearest][column] = join_lines(rows[nearest][column], line.text)
        return [tuple(cells) for cells in rows.values()]


class _Walls:
    """The rules at each of some places, and how far they reach."""

    def __init__(self, rules: Sequence[Rule], places: Sequence[float]) -> None:
        found: dict[int, list[tuple[float, float]]] = {}
        for rule in rules:
            found.setdefault(_nearest(places, rule.at), []).append((rule.start, rule.end))
        self._reach = {at: _join_spans(spans) for at, spans in found.items()}

    def divides(self, at: int, place: float) -> bool:
        reach = self._reach.get(at, [])
        found = bisect_right(reach, (place, float("inf"))) - 1
        return found >= 0 and reach[found][1] >= place


def _nearest(places: Sequence[float], place: float) -> int:
    after = bisect_left(places, place)
    near = [at for at in (after - 1, after) if 0 <= at < len(places)]
    return min(near, key=lambda at: abs(places[at] - place))


def _merge(places: list[float]) -> list[float]:
    """Places in order; those that are near to each other are one."""
    merged: list[float] = []
    for place in sorted(places):
        if not merged or place - merged[-1] > _NEAR_POINTS:
            merged.append(place)
    return merged


def _read_cell(page: int, words: Sequence[Word]) -> _Read:
    text = ""
    lines = build_lines(page, words)
    for line in lines:
        text = join_lines(text, line.text, spaced=line.spaced)
    return _Read(text.replace("\xad", "-"), bool(lines) and all(line.bold for line in lines))


def _finish(table: list[tuple[str, ...]], bold: list[bool], place: Place) -> Table:
    """A table whose first row, where it is one cell, is its caption."""
    caption = ""
    if len(table) > 2 and table[0][0] and len(set(table[0])) == 1:
        caption = table[0][0]
        table, bold = table[1:], bold[1:]
    return Table(tuple(table), count_header_rows(table, bold), caption, place)
