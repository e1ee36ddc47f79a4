"""Builds the lines of PDF pages, with position, size and cells, from pieces of drawn text.

pypdf gives pieces of text with their positions, in drawing order. Nothing in a PDF says what a
line, a column or a heading is.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.knowledge.loading.pdf_widths import font_width_ratio, text_width

_BOLD = re.compile(r"bold|black|heavy|demi|cmbx", re.IGNORECASE)
_MONO = re.compile(r"mono|courier|consol|menlo|cmtt|typewriter", re.IGNORECASE)
_LIGATURES = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st", "\xa0": " "}
)
_MARGIN_SHARE = 0.11
"""Part of a page's height, above and below, in which running headers and footers stand."""
_MIN_CELL_GAP_EM = 0.7
"""Least space between two cells, in sizes of the letters."""
_WIDTH_TOLERANCE_SHARE = 0.06
"""How far the width of a text may be from what is reckoned."""
_MAX_LINE_CELLS = 200
_MAX_CELL_CHARACTERS = 10_000
"""A line of more is ended, and what follows begins another."""
_MAX_RUNNING_LINE_CHARACTERS = 400
"""Longer lines are no running ones."""
_OUTERMOST_LINES = 2
"""Lines at the top and at the bottom of a page that can be running ones."""
_NUMBER = re.compile(r"\d{1,4}(?!\d)")
_PAGE_NUMBER = re.compile(
    r"(?:page|seite|página|pagina|p\.|s\.)\s*\d{1,4}(?:\s*(?:of|von|de|di|sur|/)\s*\d{1,4})?"
    r"|[-–]\s*\d{1,4}\s*[-–]|\d{1,4}\s*/\s*\d{1,4}|第\s*\d{1,4}\s*[页頁]",
    re.IGNORECASE,
)

_LIST_MARK = re.compile(r"\s*(?:[•‣▪●○◦■□–*·-]|\(?(?:\d{1,2}|[a-zA-Z])[.)])\s*")
_WORD = re.compile(r"\w*")
_LONE_PAGE_NUMBER = re.compile(f"{_PAGE_NUMBER.pattern}|[ivxlc]{{1,6}}", re.IGNORECASE)


@dataclass(slots=True)
class Cell:
    """Text between two gaps. Places are in points."""

    x: float
    end: float
    text: str


@dataclass(slots=True)
class Line:
    """What stands at one height. `y` grows upwards, `size` is that of the letters, in points."""

    page: int
    y: float
    size: float
    cells: list[Cell] = field(default_factory=list)
    bold: bool = False
    mono: bool = False
    margin: bool = False

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
        return " ".join(cell.text.strip() for cell in self.cells if cell.text.strip())


class PageLines:
    """Collects the lines of a page; `add` is what pypdf calls for each piece of text.

    `box` is the page's left, bottom, right and top. Text that runs upwards, as on a page with a
    table across, is turned until it runs to the right, and so is the page for it.
    """

    def __init__(self, number: int, box: tuple[float, float, float, float]) -> None:
        self._number = number
        left, bottom, right, top = box
        self._heights = [(bottom, top), (-right, -left), (-top, -bottom), (left, right)]
        """From where to where a page reaches upwards, by the quarters that it is turned."""
        self._turned = 0
        self._apart = True
        """Whether what comes next cannot be on the line of what came last."""
        self._broken = True
        self._wide: dict[int, float] = {}
        self.lines: list[Line] = []

    def add(self, text: str, cm: Any, tm: Any, font: Any, size: float) -> None:
        """One piece of text with its matrices, as pypdf's `visitor_text` gives them."""
        x, y = _place(tm, cm)
        if text.strip() and (turned := _quarters(tm, cm)) != self._turned:
            self._turned, self._apart = turned, True
        x, y = ((x, y), (y, -x), (-x, -y), (-y, x))[self._turned]
        height = abs(size) * _scale(tm, cm) or 1.0
        name = str((font or {}).get("/BaseFont", ""))
        for at, part in enumerate(text.split("\n")):
            if at:
                self._broken = True
                y -= 1.2 * height if part.strip() and at > 1 else 0.0
            if part.strip():
                self._put(part, x, y, height, name, self._breadth(font))
            elif part and self.lines and not self._broken:
                self.lines[-1].cells[-1].text += " "

    def _below_a_cell(self, x: float) -> bool:
        """Whether a cell of the line above the last one begins here."""
        if len(self.lines) < 2:
            return False
        above, last = self.lines[-2:]
        near = 0 < above.y - last.y < 3 * last.size and x > last.cells[-1].x + last.size
        return near and any(abs(cell.x - x) < 0.8 for cell in above.cells[1:])

    def _breadth(self, font: Any) -> float:
        found = self._wide.get(id(font))
        if found is None:
            found = self._wide[id(font)] = font_width_ratio(font)
        return found

    def _put(self, text: str, x: float, y: float, size: float, font: str, broad: float) -> None:
        text = text.translate(_LIGATURES)
        bold, mono = bool(_BOLD.search(font)), bool(_MONO.search(font))
        last = self.lines[-1] if self.lines else None
        end = x + text_width(text, size, mono) * (1.0 if mono else broad)
        level = last is not None and abs(last.y - y) <= 0.45 * max(last.size, size)
        level = level and not self._apart and not _is_full(last)
        if last is None or not level or (self._broken and x < last.end - 0.5 * size):
            line = Line(self._number, y, size, [Cell(x, end, text)], bold, mono)
            low, high = self._heights[self._turned]
            share = (y - low) / max(high - low, 1.0)
            line.margin = share < _MARGIN_SHARE or share > 1 - _MARGIN_SHARE
            self.lines.append(line)
        else:
            doubt = 0.0 if self._broken else _WIDTH_TOLERANCE_SHARE * (last.end - last.cells[-1].x)
            wide = x - last.end > _MIN_CELL_GAP_EM * min(size, last.size) + doubt
            item = len(last.cells) == 1 and _LIST_MARK.fullmatch(last.cells[0].text)
            if item:
                last.cells[0].text = f"{last.cells[0].text.strip()} {text.lstrip()}"
                last.cells[0].end = end
            elif not mono and (wide or self._below_a_cell(x)):
                last.cells.append(Cell(x, end, text))
            else:
                cell = last.cells[-1]
                spaced = self._broken and not cell.text.endswith((" ", "\xad"))
                cell.text += f" {text.lstrip()}" if spaced else text
                cell.end = max(cell.end, end)
            last.size = max(last.size, size)
            last.bold, last.mono = last.bold and bold, last.mono and mono
        self._broken = self._apart = False


def _is_full(line: Line | None) -> bool:
    return line is not None and (
        len(line.cells) >= _MAX_LINE_CELLS or len(line.cells[-1].text) > _MAX_CELL_CHARACTERS
    )


def _quarters(tm: Sequence[float], cm: Sequence[float]) -> int:
    """How many quarters to the right a text has to be turned until it runs to the right."""
    along = tm[0] * cm[0] + tm[1] * cm[2], tm[0] * cm[1] + tm[1] * cm[3]
    if abs(along[0]) >= abs(along[1]):
        up = tm[2] * cm[1] + tm[3] * cm[3]
        return 2 if along[0] < 0 and up < 0 else 0
    return 1 if along[1] > 0 else 3


def _place(tm: Sequence[float], cm: Sequence[float]) -> tuple[float, float]:
    x, y = float(tm[4]), float(tm[5])
    return x * cm[0] + y * cm[2] + cm[4], x * cm[1] + y * cm[3] + cm[5]


def _scale(tm: Sequence[float], cm: Sequence[float]) -> float:
    return math.hypot(tm[2], tm[3]) * math.hypot(cm[2], cm[3])


def remove_running_lines(pages: Sequence[Sequence[Line]]) -> tuple[list[list[Line]], list[str]]:
    """Removes running headers, footers and page numbers.

    Returns the remaining lines of each page, and the removed texts, each once.
    """
    outer = [_outermost_lines(lines) for lines in pages]
    repeated = _RunningLines(outer)
    kept: list[list[Line]] = []
    said: dict[str, None] = {}
    for lines, edge in zip(pages, outer, strict=True):
        rest = []
        near_edge = {id(line) for line in edge}
        for line in lines:
            words = repeated.words(line) if id(line) in near_edge else None
            if words is None:
                rest.append(line)
            elif any(letter.isalpha() for letter in words):
                said.setdefault(words)
        kept.append(rest)
    return kept, list(said)


def _outermost_lines(lines: Sequence[Line]) -> list[Line]:
    """The lines in a page's margins that stand nearest to its edges."""
    margin = [line for line in lines if line.margin]
    heights = sorted({round(line.y) for line in margin})
    edges = {*heights[:_OUTERMOST_LINES], *heights[-_OUTERMOST_LINES:]}
    return [
        line
        for line in margin
        if round(line.y) in edges and len(line.text) <= _MAX_RUNNING_LINE_CHARACTERS
    ]


class _RunningLines:
    """What pages say again and again: the same words, or words with a number that grows with the
    page's. Of three columns and more only the latter, since a table's header is repeated, too."""

    def __init__(self, pages: Sequence[Sequence[Line]]) -> None:
        same: Counter[tuple[str, int]] = Counter()
        counted: Counter[tuple[str, int, str]] = Counter()
        numbering: Counter[int] = Counter()
        for lines in pages:
            same.update({self._same(line) for line in lines if len(line.cells) < 3})
            counted.update({key for line in lines for key in _numbers_in_context(line)})
            numbering.update({key[1] for line in lines for key in _numbers_in_context(line)})
        least = max(2 if len(pages) < 4 else 3, 0.2 * len(pages))
        self._all = {key for key, times in same.items() if times >= least}
        self._numbered = {
            key
            for key, times in counted.items()
            if times >= (least if numbering[key[1]] < least else 1 if key[0] == key[2] else 2)
        }

    def words(self, line: Line) -> str | None:
        """What a line says beside its page number; None where it is not repeated."""
        if _LONE_PAGE_NUMBER.fullmatch(" ".join(line.text.split())):
            return ""
        if self._same(line) in self._all:
            return self._same(line)[0]
        for before, number, after in _numbers_in_context(line):
            if (before, number, after) in self._numbered:
                whole = _PAGE_NUMBER.sub(" ", f"{before}{number + line.page}{after}")
                return " ".join(whole.split()).strip(" -–|·0123456789")
        return None

    @staticmethod
    def _same(line: Line) -> tuple[str, int]:
        return " ".join(line.text.split()), round(line.y)


def _numbers_in_context(line: Line) -> list[tuple[str, int, str]]:
    """What stands before and after each number of a line; the number less that of the page."""
    text = " ".join(line.text.split())
    return [
        (text[: found.start()], int(found[0]) - line.page, text[found.end() :])
        for found in _NUMBER.finditer(text)
    ]


def join_lines(before: str, after: str, hyphenated: frozenset[str] = frozenset()) -> str:
    """Joins two lines of a paragraph; a word that was hyphenated at the line end is rejoined."""
    before, after = before.rstrip(), after.lstrip()
    if not before or not after:
        return before + after
    if before.endswith(("\xad", "-", "‐")) and len(before) > 1 and before[-2].isalpha():
        if not after[0].islower():
            return f"{before[:-1]}-{after}"
        start = before[-60:-1].rpartition(" ")[2].rpartition("-")[2]
        rest = _WORD.match(after)
        whole = f"{start}-{rest[0] if rest else ''}".lstrip("(“\"'").casefold()
        kept = whole in hyphenated and before[-1] != "\xad"
        return f"{before[:-1]}-{after}" if kept else before[:-1] + after
    unspaced = _is_wide(before[-1]) and _is_wide(after[0])
    return before + after if unspaced else f"{before} {after}"


def _is_wide(letter: str) -> bool:
    """Whether a letter is Chinese or Japanese; Korean has spaces between words."""
    return ord(letter) > 0x2E80 and not 0xAC00 <= ord(letter) <= 0xD7A3
