"""Noticing that a model has begun to say the same thing over and over, as small ones do."""

from __future__ import annotations

REPEATING = "The model began to repeat itself, so its answer ends here."

_KEY = 24
"""Characters that must come back for a repetition to be looked for."""
_TIMES = 5
_LEAST = 200
"""A repetition is one when the same piece stands so often in a row and is so long in all."""
_MEMORY = 4000


class RepetitionGuard:
    """Fed a stream of text; `feed` says when its end has become one piece repeated.

    The piece may be as short as a word or as long as a paragraph of 800 characters.
    """

    def __init__(self) -> None:
        self._tail = ""

    def feed(self, delta: str) -> bool:
        """Whether what has come so far ends in the same piece, over and over."""
        self._tail = (self._tail + delta)[-_MEMORY:]
        tail = self._tail
        if len(tail) < _LEAST:
            return False
        before = tail.rfind(tail[-_KEY:], 0, len(tail) - 1)
        if before < 0:
            return False
        length = len(tail) - _KEY - before
        times = max(_TIMES, -(-_LEAST // length))
        span = length * times
        if span > len(tail):
            return False
        piece = tail[-length:]
        return bool(piece.strip()) and tail[-span:] == piece * times
