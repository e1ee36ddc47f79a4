"""Tells which lines of a PDF are headings, and of which level: by size, weight and number."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bot.knowledge.loading.pdf.lines import Line
from bot.knowledge.loading.pdf.text import BULLETS

_SIZE_RATIO = 1.1
"""Letters so many times as large as the text's are a heading's."""
_BOLD_SIZE_RATIO = 1.05
_CENTRED_POINTS = 6.0
"""How far the middles of lines that are centred may be apart."""
_MAX_CHARACTERS = 150
_MAX_BOLD_CHARACTERS = 110
_MAX_LINES = 4
_MAX_LEVEL = 6
_MAX_LEADING_EM = 1.6
_MAX_TITLE_PARTS = 12
_MAX_SHARE = 0.4
"""Where more of a document looks like headings, it has none."""
_NUMBER = re.compile(
    r"((?:\d{1,2}|[A-Z](?=\.\d))(?:\.\d{1,3})*+\.?|[A-Z]\.|[IVX]{1,5}\.|§\s?\d+[a-z]?)\s+(?=\S)"
)
_LIST_ITEM = re.compile(rf"[{BULLETS}]\s|\(?(?:\d+|[a-zA-Z])\)\s|[a-z]\.\s|\[[ x]\]")
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
        self._forget_authors()
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
        return round(2 * line.size) / 2 if self._is_larger(line) else 0.0

    def _is_larger(self, line: Line) -> bool:
        return line.size >= (_BOLD_SIZE_RATIO if line.bold else _SIZE_RATIO) * self._size

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
        if self._is_larger(lines[at]):
            prose = bool(_SENTENCE.search(text)) and text.endswith(".")
            return len(text) <= _MAX_CHARACTERS and not prose
        beside = at > 0 and lines[at - 1].bold and _is_below(lines[at - 1], lines[at])
        follows = end < len(lines)
        ends = text.endswith((".", ",", ";", ":"))
        return len(text) <= _MAX_BOLD_CHARACTERS and follows and not ends and not beside

    def _stands_out(self, line: Line) -> bool:
        if line.mono or line.table is not None or len(line.cells) > 2 or not line.cells:
            return False
        if self._is_larger(line):
            return True
        heavy = line.bold and not self._bold and line.size >= 0.95 * self._size
        return heavy and len(line.cells) == 1

    def _joins(self, last: Line, line: Line) -> bool:
        """Whether a line goes on with the heading above it."""
        if not self._stands_out(line) or line.bold != last.bold or not _is_below(last, line):
            return False
        return self._look(line) == self._look(last) and not _NUMBER.match(line.text)

    def _forget_authors(self) -> None:
        """Forget those who wrote a paper, and when: centred below its title, in letters like which
        no heading further down has any."""
        lines, ends = self._lines, list(self._ends.items())
        authors: list[int] = []
        for (_, end), (at, _) in pairwise(ends[:_MAX_TITLE_PARTS]):
            title, line = lines[ends[0][0]], lines[at]
            apart = abs(line.x + line.end - title.x - title.end) / 2
            smaller = not line.bold and self._look(line) < self._look(title)
            if at != end or line.page != title.page or apart > _CENTRED_POINTS or not smaller:
                break
            authors.append(at)
        later = {(self._look(lines[at]), lines[at].bold) for at, _ in ends[len(authors) + 1 :]}
        for at in authors:
            if (self._look(lines[at]), False) not in later:
                del self._ends[at]


def _is_below(last: Line, line: Line) -> bool:
    return last.page == line.page and 0 < last.y - line.y < _MAX_LEADING_EM * line.size


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
