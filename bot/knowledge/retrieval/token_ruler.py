"""Counts the tokens of parts of a text, with one run of the tokenizer over the whole text."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence

FindSpans = Callable[[str], Sequence[tuple[int, int]]]
"""Returns the start and end of each token of a text, in characters, in order."""


class TokenRuler:
    """Counts the tokens of any part of one text; calling it with a part gives the number.

    A splitter tries many parts before it settles on one, and would have the tokenizer read every
    character four to eight times. A token that is cut by the end of a part counts as a whole one,
    so that only a part that begins or ends inside a word can take more tokens than are counted.
    """

    def __init__(self, text: str, spans: FindSpans, count: Callable[[str], int]) -> None:
        self._text = text
        self._count = count
        found = spans(text)
        self._starts = [start for start, _ in found]
        self._ends = [end for _, end in found]
        self._near = 0

    def __call__(self, part: str) -> int:
        # The same words elsewhere have the same tokens: any place will do, and the next is nearest.
        at = self._text.find(part, self._near)
        if at < 0:
            at = self._text.find(part)
        if at < 0:
            return self._count(part)
        self._near = at
        return bisect_left(self._starts, at + len(part)) - bisect_right(self._ends, at)
