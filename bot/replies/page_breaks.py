"""Chooses where a page ends."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise

from wcwidth import iter_graphemes

from bot.replies.fences import Fence
from bot.replies.spans import Blocked, find_spans
from bot.replies.tables import TableHead, may_be_delimiter

Line = tuple[int, Fence | TableHead | None]
"""Where a line begins, and the fence or table that is open there."""

_SENTENCE = re.compile(r"[.!?…]['\")\]”’»*_]*(?=[ \t])|[。！？][」』”’）]*")
_WORD = re.compile(r"(?<=\S)[ \t]")
_FREE = Blocked(())


def find_break(text: str, lines: Sequence[Line], end: int) -> int:
    """Choose where to end a page of at most `end` characters of a text, whose lines are given.

    The best is a position that leaves the page half full or more and cuts nothing within: a
    paragraph's end, else a line's, a sentence's, a word's, the beginning of a link or of code.
    """
    return _Breaks(text, lines, end).find()


class _Breaks:
    def __init__(self, text: str, lines: Sequence[Line], end: int) -> None:
        self._text = text
        self._lines = lines
        self._end = end
        self._starts = [start for start, _ in lines]

    def find(self) -> int:
        end, half = self._end, self._end // 2
        spans = find_spans(self._text[: end + 1], self._inline_parts())
        for least, blocked in (
            (half, spans.block(half, end, styled=True)),
            (half, spans.block(half, end, styled=False)),
            (half, _FREE),
            (1, _FREE),
        ):
            for last in (self._paragraph, self._line, self._sentence, self._word):
                if at := last(least, blocked):
                    return at
            if at := blocked.last_edge(half, end):
                return at
        start = 0
        for cluster in iter_graphemes(self._text[: end + 1]):
            if start + len(cluster) > end:
                break
            start += len(cluster)
        return start or max(end, 1)

    def _inline_parts(self) -> list[tuple[int, int]]:
        """The parts of the text that are no code blocks and no lines of a fence."""
        parts: list[tuple[int, int]] = []
        following = [*self._lines[1:], (self._end + 1, None)]
        for (start, block), (stop, after) in zip(self._lines, following, strict=True):
            if isinstance(block, Fence) or isinstance(after, Fence):
                continue
            if parts and parts[-1][1] == start:
                start = parts.pop()[0]
            parts.append((start, min(stop, self._end + 1)))
        return parts

    # --- kinds of positions, best first: each finds the last one, or 0 --------------------------

    def _paragraph(self, least: int, blocked: Blocked) -> int:
        for (above, _), (start, block) in reversed(list(pairwise(self._lines))):
            if (
                block is None
                and least < start <= self._end + 1
                and not self._text[above:start].strip()
                and not blocked.holds(start - 1)
            ):
                return start - 1
        return 0

    def _line(self, least: int, blocked: Blocked) -> int:
        """Not between the beginning of a fence or table and what is in it."""
        for (_, above), (start, block) in reversed(list(pairwise(self._lines))):
            if (
                least < start <= self._end + 1
                and not (above is None and block is not None)
                and not (block is None and self._is_under_names(start))
                and not blocked.holds(start - 1)
            ):
                return start - 1
        return 0

    def _is_under_names(self, start: int) -> bool:
        """Whether a line may be the one under the names of a table's columns."""
        above = self._text.rfind("\n", 0, start - 1) + 1
        names = self._text[above:start].lstrip(" \t>").startswith("|")
        return names and may_be_delimiter(self._text, start, self._end + 1)

    def _sentence(self, least: int, blocked: Blocked) -> int:
        ends = [match.end() for match in _SENTENCE.finditer(self._text, least, self._end + 1)]
        fitting = (at for at in reversed(ends) if at <= self._end)
        return self._last(fitting, blocked, in_fences=False)

    def _word(self, least: int, blocked: Blocked) -> int:
        ends = [match.start() for match in _WORD.finditer(self._text, least, self._end + 1)]
        return self._last(reversed(ends), blocked, in_fences=True)

    def _last(self, positions: Iterable[int], blocked: Blocked, *, in_fences: bool) -> int:
        for at in positions:
            line = self._lines[bisect_right(self._starts, at) - 1]
            if (
                (in_fences or not isinstance(line[1], Fence))
                and not blocked.holds(at)
                and self._is_between_graphemes(at)
            ):
                return at
        return 0

    def _is_between_graphemes(self, at: int) -> bool:
        """Whether a position is between two characters as a person sees them."""
        start = max(0, at - 32)
        ends = start
        for cluster in iter_graphemes(self._text[start : at + 1]):
            if ends == at:
                return True
            ends += len(cluster)
        return False
