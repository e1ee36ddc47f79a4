"""Tells which lines of a PDF are headings, and of which level: by size, weight and number."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bot.knowledge.loading.pdf.lines import Line

_SIZE_RATIO = 1.1
"""Letters so many times as large as the text's are a heading's."""
_MAX_CHARACTERS = 150
_MAX_BOLD_CHARACTERS = 110
_MAX_LINES = 4
_MAX_LEVEL = 6
_MAX_LEADING_EM = 1.6
_MAX_SHARE = 0.4
"""Where more of a document looks like headings, it has none."""
_NUMBER = re.compile(
    r"((?:\d{1,2}|[A-Z](?=\.\d))(?:\.\d{1,3})*+\.?|[A-Z]\.|[IVX]{1,5}\.|§\s?\d+[a-z]?)\s+(?=\S)"
)
_LIST_ITEM = re.compile(r"[•‣▪●○◦■□–*·-]\s|\(?(?:\d{1,3}|[a-zA-Z])\)\s|[a-z]\.\s|\[[ x]\]")
CAPTION = re.compile(
    r"(?:(?:fig(?:ure|\.)|abb(?:ildung|\.)|table|tabelle|tab\.|tableau|tabla|tabela|figura|tabella"
    r"|diagram|chart|schema|listing)\s*+\d+(?:\.\d+)*|[图圖図表]\s*\d+|그림\s*\d+|표\s*\d+)",
    re.IGNORECASE,
)
"""How a caption begins."""
_SENTENCE = re.compile(r"[.!?]\s+\S")


@dataclass(frozen=True, slots=True)
class FoundHeading:
    """A heading, and the line after its last one."""

    level: int
    text: str
    number: str
    end: int


class HeadingFinder:
    """Finds the headings of a document, whose lines are in reading order."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines
        self._size, self._bold = _body_look(lines)
        self.body_size = self._size
        self._ends: dict[int, int] = {}
        self._depths: dict[float, int] = {}
        looks: Counter[float] = Counter()
        at = 0
        while at < len(lines):
            end = self._group_end(at)
            if self._is_heading(at, end):
                self._ends[at] = end
                text = " ".join(line.text for line in lines[at:end])
                look = self._look(lines[at])
                looks[look] += len(text)
                if depth := _depth(text):
                    self._depths[look] = min(depth, self._depths.get(look, depth))
            at = end
        if looks.total() > _MAX_SHARE * sum(len(line.text) for line in lines):
            self._ends = {}
        self._levels = {look: level for level, look in enumerate(sorted(looks, reverse=True), 1)}

    def find(self, at: int) -> FoundHeading | None:
        """The heading that begins with a line."""
        end = self._ends.get(at)
        if end is None:
            return None
        text = " ".join(" ".join(line.text for line in self._lines[at:end]).split())
        look = self._look(self._lines[at])
        level = self._levels[look]
        if depth := _depth(text):
            level = max(level + depth - self._depths[look], depth)
        found = _NUMBER.match(text)
        number = found[1] if found else ""
        text = text[found.end() :] if found else text
        return FoundHeading(min(level, _MAX_LEVEL), text.replace("\xad", "-"), number, end)

    def _look(self, line: Line) -> float:
        """What tells one level of headings from another: the size; bold letters of the text's own
        size come last."""
        return round(2 * line.size) / 2 if line.size >= _SIZE_RATIO * self._size else 0.0

    def _group_end(self, at: int) -> int:
        """The line after those that look alike and stand together, so that they are one heading or
        none."""
        lines = self._lines
        end = at + 1
        if self._stands_out(lines[at]):
            while end < len(lines) and self._joins(lines[end - 1], lines[end]):
                end += 1
        return end

    def _is_heading(self, at: int, end: int) -> bool:
        lines = self._lines
        if not self._stands_out(lines[at]) or end - at > _MAX_LINES:
            return False
        text = " ".join(line.text for line in lines[at:end])
        if sum(map(str.isalpha, text)) < 2 or _LIST_ITEM.match(text) or CAPTION.match(text):
            return False
        if lines[at].size >= _SIZE_RATIO * self._size:
            prose = bool(_SENTENCE.search(text)) and text.endswith(".")
            return len(text) <= _MAX_CHARACTERS and not prose
        before = lines[at - 1] if at else None
        beside = before is not None and before.page == lines[at].page and before.bold
        follows = end < len(lines)
        ends = text.endswith((".", ",", ";", ":"))
        return len(text) <= _MAX_BOLD_CHARACTERS and follows and not ends and not beside

    def _stands_out(self, line: Line) -> bool:
        if line.mono or line.table is not None or len(line.cells) > 2 or not line.cells:
            return False
        if line.size >= _SIZE_RATIO * self._size:
            return True
        heavy = line.bold and not self._bold and line.size >= 0.95 * self._size
        return heavy and len(line.cells) == 1

    def _joins(self, last: Line, line: Line) -> bool:
        """Whether a line goes on with the heading above it."""
        if line.page != last.page or not self._stands_out(line) or line.bold != last.bold:
            return False
        if self._look(line) != self._look(last) or _NUMBER.match(line.text):
            return False
        return 0 < last.y - line.y < _MAX_LEADING_EM * line.size


def _depth(text: str) -> int:
    """How deep a heading's number says that it is: 2 for `5.1`; 0 without one."""
    found = _NUMBER.match(text)
    return found[1].rstrip(".").count(".") + 1 if found else 0


def _body_look(lines: Sequence[Line]) -> tuple[float, bool]:
    """The size and the weight that most letters have."""
    looks: Counter[tuple[float, bool]] = Counter()
    for line in lines:
        if line.table is None:
            looks[round(2 * line.size) / 2, line.bold] += len(line.text)
    sizes: Counter[float] = Counter()
    for (size, _), letters in looks.items():
        sizes[size] += letters
    if not sizes:
        return 10.0, False
    size = sizes.most_common(1)[0][0]
    return size, looks[size, True] > looks[size, False]
