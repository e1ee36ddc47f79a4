"""Measures rounds, and decides how many prompt tokens one round may read."""

from __future__ import annotations

from backends.errors import BackendBusy

_TARGET_ROUND_S = 0.08
_LONGEST_TILE_S = 0.16
"""Time that a round of one whole tile may take; beyond it, answers would stutter."""
_MIN_BUDGET_TOKENS = 16
_TILE_TOKENS = 64
"""From so many rows on, llama.cpp's flash attention works in tiles on a CPU, at a fraction of the
cost: a round that reads 64 tokens takes less time than one that reads 40.
"""
_SMOOTHING_WEIGHT = 0.3
_TYPICAL_ANSWER_TOKENS = 200


class RoundBudget:
    """Sets the reading budget so that a round takes less than a tenth of a second.

    `largest` is the size of the batch, in tokens.
    """

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._tiled_row_s: float | None = None
        self._row_s: float | None = None
        self.rounds = 0
        self.decode_rate = 0.0
        self.prefill_rate = 0.0
        self._writing_s = 0.0
        self._writing_native_s = 0.0

    @property
    def budget(self) -> int:
        """Prompt tokens that the next round may read."""
        if self._tiled_row_s is None or self._tiled_row_s * _TILE_TOKENS <= _LONGEST_TILE_S:
            fitting = int(_TARGET_ROUND_S / self._tiled_row_s) if self._tiled_row_s else 0
            return min(self._largest, max(_TILE_TOKENS, fitting))
        row_s = self._row_s or self._tiled_row_s
        return min(self._largest, max(_MIN_BUDGET_TOKENS, int(_TARGET_ROUND_S / row_s)))

    @property
    def python_share(self) -> float:
        """The part of the writing rounds that was spent outside llama.cpp."""
        return 1 - self._writing_native_s / self._writing_s if self._writing_s else 0.0

    def note(self, written: int, read: int, native_s: float, round_s: float) -> None:
        """Record a round: the tokens written, the prompt tokens read, and its seconds."""
        self.rounds += 1
        if read >= _MIN_BUDGET_TOKENS:
            if read >= _TILE_TOKENS:
                self._tiled_row_s = _smooth(self._tiled_row_s, native_s / read)
            else:
                self._row_s = _smooth(self._row_s, native_s / read)
            self.prefill_rate = _smooth(self.prefill_rate or None, read / native_s)
        elif not read:
            self._writing_s += round_s
            self._writing_native_s += native_s
            self.decode_rate = _smooth(self.decode_rate or None, written / round_s)

    def busy(self, waiting: int, parallel: int) -> BackendBusy:
        """Return the error of a full wait queue, with the expected wait for a place."""
        rate = self.decode_rate or 10.0
        return BackendBusy(waiting * _TYPICAL_ANSWER_TOKENS / rate / max(1, parallel) + 1)


def _smooth(old: float | None, new: float) -> float:
    return new if old is None else (1 - _SMOOTHING_WEIGHT) * old + _SMOOTHING_WEIGHT * new
