"""Detects that a model repeats the same words over and over, as small ones do."""

from __future__ import annotations

import unicodedata

from bot.catalogue.sentence import say
from bot.replies.fences import Fence

REPETITION_NOTICE = say("The model began to repeat itself, so its answer ends here.")

_KEY_CHARACTERS = 24
"""Characters that must come back for a repetition to be looked for."""
_MIN_REPETITIONS = 5
_MIN_REPEATED_LETTERS = 800
"""A repetition is one when the same piece stands so often in a row and has so many letters in all:
a chorus is shorter."""
_MIN_LETTERS_SHARE = 0.5
"""Of the characters of a piece that are no blanks: rows, boxes and checklists have fewer."""
_MAX_REMEMBERED_CHARACTERS = 8000
_MAX_LINE_CHARACTERS = 1000
"""Of a line that may open or close a block of code."""


class RepetitionGuard:
    """Detects in a stream of text that its end is one piece of words repeated, outside of code.

    The piece may be as short as a word or as long as a paragraph of 1,600 characters.
    """

    def __init__(self) -> None:
        self._tail = ""
        self._line = ""
        self._fence: Fence | None = None

    def feed(self, delta: str) -> bool:
        """Whether what has come so far ends in the same piece, over and over."""
        self._tail = (self._tail + delta)[-_MAX_REMEMBERED_CHARACTERS:]
        self._follow_fences(delta)
        tail = self._tail
        if self._fence is not None or len(tail) < _MIN_REPEATED_LETTERS:
            return False
        before = tail.rfind(tail[-_KEY_CHARACTERS:], 0, len(tail) - 1)
        if before < 0:
            return False
        piece = tail[before + _KEY_CHARACTERS :]
        blanks = sum(map(str.isspace, piece))
        letters = sum(map(_is_letter, piece))
        if not letters or letters < _MIN_LETTERS_SHARE * (len(piece) - blanks):
            return False
        times = max(_MIN_REPETITIONS, -(-_MIN_REPEATED_LETTERS // letters))
        return tail.endswith(piece * times)

    def _follow_fences(self, delta: str) -> None:
        """Keep track of whether the text is inside a block of code."""
        *whole, rest = (self._line + delta).split("\n")
        for line in whole:
            if self._fence is not None and self._fence.left_by(line):
                self._fence = None
            if self._fence is None:
                self._fence = Fence.parse(line[:_MAX_LINE_CHARACTERS])
            elif self._fence.closed_by(line[:_MAX_LINE_CHARACTERS]):
                self._fence = None
        self._line = rest[:_MAX_LINE_CHARACTERS]


def _is_letter(character: str) -> bool:
    """Whether a character is a letter, or a mark that belongs to one."""
    return unicodedata.category(character)[0] in "LM"
