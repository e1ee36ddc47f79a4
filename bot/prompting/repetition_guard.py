"""Detects that a model repeats the same piece of text over and over, as small ones do."""

from __future__ import annotations

from bot.catalogue.sentence import say

REPETITION_NOTICE = say("The model began to repeat itself, so its answer ends here.")

_KEY_CHARACTERS = 24
"""Characters that must come back for a repetition to be looked for."""
_MIN_REPETITIONS = 5
_MIN_REPEATED_CHARACTERS = 200
"""A repetition is one when the same piece stands so often in a row and is so long in all."""
_MAX_REMEMBERED_CHARACTERS = 4000


class RepetitionGuard:
    """Detects in a stream of text that its end is one piece repeated.

    The piece may be as short as a word or as long as a paragraph of 800 characters.
    """

    def __init__(self) -> None:
        self._tail = ""

    def feed(self, delta: str) -> bool:
        """Whether what has come so far ends in the same piece, over and over."""
        self._tail = (self._tail + delta)[-_MAX_REMEMBERED_CHARACTERS:]
        tail = self._tail
        if len(tail) < _MIN_REPEATED_CHARACTERS:
            return False
        before = tail.rfind(tail[-_KEY_CHARACTERS:], 0, len(tail) - 1)
        if before < 0:
            return False
        length = len(tail) - _KEY_CHARACTERS - before
        times = max(_MIN_REPETITIONS, -(-_MIN_REPEATED_CHARACTERS // length))
        span = length * times
        if span > len(tail):
            return False
        piece = tail[-length:]
        return bool(piece.strip()) and tail[-span:] == piece * times
