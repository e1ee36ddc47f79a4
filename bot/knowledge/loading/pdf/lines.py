"""Builds the lines of PDF pages from words: what stands at one height, in cells between gaps.

Nothing in a PDF says what a line, a column or a heading is.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from bot.knowledge.loading.pdf.text import (
    FIRST_MARK,
    MAX_RAISE_EM,
    MAX_RAISED_GAP_EM,
    MIN_RAISE_EM,
    OVERLAP_EM,
    is_small,
    write_words,
)
from bot.knowledge.loading.pdf.words import Word
from bot.skills.document_tree import Table

_LEVEL_EM = 0.45
"""Words whose baselines are less apart than this share of the size stand at one height."""
_MAX_ROW_GAP_EM = 1.15
"""How far the rows of a word, and of one that is raised at it, are apart."""
_CELL_GAP_EM = 0.8
_WIDEST_SPACE_EM = 1.5
"""Spaces of a justified line reach so far; then all of the line are wide."""
_WIDE_SPACE_EM = 1.1
_MIN_JUSTIFIED_WORDS = 6
_HEADING_NUMBER = re.compile(r"\d{1,2}(?:\.\d{1,2})*\.?|[A-Z](?:\.\d{1,2})*\.?|[IVX]{1,5}\.")
_MAX_MARK_GAP_EM = 4.0
_MARK_LEVEL_EM = 0.6
_MAX_LABEL_GAP_EM = 14.0
_VALUE = re.compile(r"[-+−–(~<>≤≥±]?\s?(?:[€$£¥]\s?)?\d[\d\s.,:/’'%)€$£¥-]*")


@dataclass(slots=True)
class Cell:
    """Text between two gaps. Places are in points."""

    x: float
    end: float
    text: str
    words: list[Word] = field(default_factory=list, repr=False)

    @property
    def middle(self) -> float:
        return (self.x + self.end) / 2


@dataclass(slots=True)
class Line:
    """What stands at one height. `y` grows upwards, `size` is that of the letters, in points.

    A table that is found already is a line of its own. `asides` is what stands on the page beside
    its text, and is told after its last line.
    """

    page: int
    y: float
    size: float
    cells: list[Cell] = field(default_factory=list)
    bold: bool = False
    mono: bool = False
    margin: bool = False
    spaced: bool = False
    table: Table | None = None
    asides: list[str] = field(default_factory=list)
    _text: str | None = field(default=None, repr=False, compare=False)

    @property
    def x(self) -> float:
        return self.cells[0].x

    @property
    def end(self) -> float:
        return self.cells[-1].end

    @property
    def code(self) -> str:
        """The text with its spaces."""
        return "  ".join(cell.text.rstrip() for cell in self.cells)

    @property
    def text(self) -> str:
        if self._text is None:
            self._text = " ".join(filter(None, (cell.text.strip() for cell in self.cells)))
        return self._text


def build_lines(page: int, words: Iterable[Word]) -> list[Line]:
    """The lines of a page from top to bottom, whatever order its words were drawn in."""
    return [make_line(page, join_cells(row)) for row in _rows(words)]


def make_line(page: int, cells: list[Cell]) -> Line:
    """A line of cells, which have words."""
    main = cells[0].words[0]
    bold = mono = True
    for cell in cells:
        for word in cell.words:
            if word.size > main.size or (
                word.size == main.size and len(word.text) > len(main.text)
            ):
                main = word
            bold = bold and (word.bold or (len(word.text) == 1 and not word.text.isalnum()))
            mono = mono and word.mono
    spaced = cells[-1].words[-1].spaced
    return Line(page, main.y, main.size, cells, bold, mono, spaced=spaced)


def _rows(words: Iterable[Word]) -> list[list[Word]]:
    """Words at one height; those that are raised or lowered go with the larger ones beside them."""
    rows: list[list[Word]] = []
    y = size = 0.0
    for word in sorted(words, key=lambda word: -word.y):
        if rows and y - word.y <= _LEVEL_EM * min(size, word.size):
            rows[-1].append(word)
        else:
            rows.append([word])
            size = 0.0
        if word.size > size:
            y, size = word.y, word.size
    for row in rows:
        row.sort(key=lambda word: word.x)
        if any(two.x < one.end and one.inner for one, two in pairwise(row)):  # it stands in a gap
            row[:] = sorted((part for word in row for part in word.divide()), key=lambda w: w.x)
    _move_small_words(rows)
    return _join_marked_rows([row for row in rows if row])


def _join_marked_rows(rows: list[list[Word]]) -> list[list[Word]]:
    """Marks of lists that stand a little higher than their text go with it."""
    joined: list[list[Word]] = []
    for row in rows:
        last = joined[-1] if joined else row
        mark, word = last[-1], row[0]
        near = 0 < word.x - mark.end < _MAX_MARK_GAP_EM * word.size
        below = 0 < mark.y - word.y < _MARK_LEVEL_EM * word.size
        if len(last) == 1 and near and below and FIRST_MARK.fullmatch(mark.text):
            joined[-1] = [replace(mark, y=word.y), *row]
        else:
            joined.append(row)
    return joined


def _move_small_words(rows: list[list[Word]]) -> None:
    """Moves raised and lowered words to the row of the word that they stand at, where another row
    has taken them."""
    for at, row in enumerate(rows):
        reach = _MAX_ROW_GAP_EM * max((word.size for word in row), default=0.0)
        near = [
            other
            for other in (at + 1, at - 1)
            if row
            and 0 <= other < len(rows)
            and rows[other]
            and abs(rows[other][0].y - row[0].y) < reach
        ]
        for word in list(row) if near else ():
            if _find_base(row, word) is not None:
                continue
            for other in near:
                place = _find_base(rows[other], word)
                if place is not None:
                    rows[other].insert(place, word)
                    row.remove(word)
                    break


def _find_base(row: Sequence[Word], word: Word) -> int | None:
    """The place after the word of a row that another is raised or lowered at, or goes on with."""
    place = bisect_left(row, word.x, key=lambda other: other.x)
    if not place:
        return None
    base = row[place - 1]
    if not OVERLAP_EM * base.size <= word.x - base.end <= MAX_RAISED_GAP_EM * base.size:
        return None
    if word.y == base.y:
        return place
    shifted = MIN_RAISE_EM <= abs(word.y - base.y) / base.size <= MAX_RAISE_EM
    return place if shifted and is_small(word, base) else None


def join_cells(row: Sequence[Word]) -> list[Cell]:
    """Words of one height, from left to right, as cells."""
    widest = _widest_space(row)
    groups: list[list[Word]] = []
    end = 0.0
    for word in row:
        last = groups[-1][-1] if groups else None
        if last is not None and _is_beside(last, word, word.x - end, widest):
            groups[-1].append(word)
            end = max(end, word.end)
        else:
            groups.append([word])
            end = word.end
    return _join_marks([make_cell(group) for group in groups])


def _is_beside(last: Word, word: Word, gap: float, widest: float) -> bool:
    """Whether two words stand in one cell; the lines of code are one each."""
    if last.mono and word.mono:
        return True
    if last.run != word.run:
        widest = _CELL_GAP_EM
    elif last.spaced and not last.text.isascii():
        widest = _WIDE_SPACE_EM  # one space of a font whose letters are all as wide
    return gap <= widest * min(last.size, word.size)


def _widest_space(row: Sequence[Word]) -> float:
    """The widest space between two words of a cell, in sizes of the letters."""
    gaps = [(two.x - one.end) / one.size for one, two in pairwise(row) if two.x > one.end]
    letters = sum(word.text[:1].isalpha() for word in row)
    if len(gaps) < _MIN_JUSTIFIED_WORDS or letters < 0.8 * len(row):
        return _CELL_GAP_EM
    return min(max(_CELL_GAP_EM, 1.7 * sorted(gaps)[len(gaps) // 2]), _WIDEST_SPACE_EM)


def make_cell(words: list[Word]) -> Cell:
    """A cell of words from left to right."""
    if len(words) == 1:
        return Cell(words[0].x, words[0].end, words[0].text, words)
    ends = max([word.end for word in words])
    return Cell(min([word.x for word in words]), ends, write_words(words), words)


def _join_marks(cells: list[Cell]) -> list[Cell]:
    """Joins the marks of lists and of boxes to what follows them."""
    joined: list[Cell] = []
    for cell in cells:
        last = joined[-1] if joined else None
        marks = last is not None and FIRST_MARK.fullmatch(last.text)
        if last is not None and marks and _is_near(last, cell, _MAX_MARK_GAP_EM):
            joined[-1] = make_cell([*last.words, *cell.words])
        else:
            joined.append(cell)
    return joined


def is_mark(text: str) -> bool:
    """Whether a text is the mark of a list's item, or a heading's number."""
    return bool(FIRST_MARK.fullmatch(text) or _HEADING_NUMBER.fullmatch(text))


def join_labels(line: Line) -> Line:
    """A line whose numbers of headings, and labels with a colon, are joined to what follows."""
    if len(line.cells) == 1:
        return line
    cells: list[Cell] = []
    for at, cell in enumerate(line.cells):
        last = cells[-1] if cells else None
        if last is not None and (
            (at == 1 and len(line.cells) == 2 and _numbers(last, cell)) or _labels(last, cell)
        ):
            cells[-1] = make_cell([*last.words, *cell.words])
        else:
            cells.append(cell)
    line.cells, line._text = cells, None
    return line


def _numbers(number: Cell, cell: Cell) -> bool:
    if not _HEADING_NUMBER.fullmatch(number.text) or _VALUE.fullmatch(cell.text):
        return False
    return _is_near(number, cell, _MAX_MARK_GAP_EM)


def _labels(label: Cell, cell: Cell) -> bool:
    if not label.text.endswith(":") or cell.text.endswith(":"):
        return False
    return _is_near(label, cell, _MAX_LABEL_GAP_EM)


def _is_near(one: Cell, two: Cell, ems: float) -> bool:
    return bool(two.words) and two.x - one.end <= ems * two.words[0].size
