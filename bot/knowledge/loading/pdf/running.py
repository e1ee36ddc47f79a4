"""Removes what the pages of a PDF repeat at their edges: headers, footers and page numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from bot.knowledge.loading.pdf.lines import Line

_MARGIN_SHARE = 0.125
"""Part of a page's height, above and below, in which running headers and footers stand."""
_NUMBER_MARGIN_SHARE = 0.22
"""The same for a number that is the first or the last line of a page."""
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
_LONE_PAGE_NUMBER = re.compile(f"{_PAGE_NUMBER.pattern}|[ivxlc]{{1,6}}", re.IGNORECASE)


def mark_margins(lines: Sequence[Line], low: float, high: float) -> None:
    """Marks the lines in the upper and lower margin of a page that reaches from `low` to `high`."""
    for line in lines:
        share = (line.y - low) / max(high - low, 1.0)
        outermost = line is lines[0] or line is lines[-1]
        wide = outermost and line.text.strip("-– ").isdecimal()
        edge = _NUMBER_MARGIN_SHARE if wide else _MARGIN_SHARE
        line.margin = share < edge or share > 1 - edge


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
