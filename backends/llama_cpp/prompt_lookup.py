"""Prompt lookup: finds in the tokens so far how an answer may go on.

Answers that quote, sum up or edit a text, and calls of tools, repeat runs of tokens that stand in
the prompt or in what was written before. The tokens that followed such a run the last time are a
draft of what comes next: a round computes them together with the answer's next token, and those
that the model would have chosen anyway are kept.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_MAX_MATCH_TOKENS = 16
"""The longest run that is compared; a longer one is no surer."""
_MATCH_CLASSES = (1, 2, 3, 5, 8, _MAX_MATCH_TOKENS)
"""Runs of about the same length are about as likely to go on alike."""
_FORGETTING = 0.97
"""What is left of an old guess's weight after another."""
_FIRST_WEIGHT = 4.0
"""How many guesses it takes until they count as much as what was known before."""
_FIRST_RATES = (0.15, 0.35, 0.65, 0.8, 0.85, 0.9)
"""What is taken for granted before any guess was made; seen in answers from documents."""


@dataclass(frozen=True, slots=True)
class Draft:
    """Tokens that may come next, and how many before them were found together."""

    tokens: Sequence[int]
    matched: int


class Rates:
    """How often guesses are right, by the length of the run that they follow; 0 to 1.

    Whether a guess was right shows at every token that is written, computed ahead or not, so an
    answer that repeats nothing is not slowed down to find that out. `shared` are those of all
    answers: they count until an answer has enough of its own.
    """

    def __init__(self, shared: Rates | None = None) -> None:
        self._shared = shared
        self._right = [0.0] * len(_MATCH_CLASSES)
        self._all = [0.0] * len(_MATCH_CLASSES)

    def note(self, matched: int, *, right: bool) -> None:
        """Record a guess that followed a run of `matched` tokens."""
        at = _match_class(matched)
        self._right[at] = _FORGETTING * self._right[at] + right
        self._all[at] = _FORGETTING * self._all[at] + 1
        if self._shared is not None:
            self._shared.note(matched, right=right)

    def rate(self, matched: int) -> float:
        """Return how likely a guess that follows a run of `matched` tokens is to be right."""
        at = _match_class(matched)
        before = _FIRST_RATES[at] if self._shared is None else self._shared.rate(matched)
        return (self._right[at] + _FIRST_WEIGHT * before) / (self._all[at] + _FIRST_WEIGHT)


def _match_class(matched: int) -> int:
    return bisect_left(_MATCH_CLASSES, min(matched, _MAX_MATCH_TOKENS))


class PromptLookup:
    """Searches the tokens of a prompt and its answer for the longest run that ends as they do.

    Takes four bytes a token; a search of 8,000 tokens takes a few hundredths of a millisecond.
    """

    def __init__(self, shared: Rates | None = None) -> None:
        self.rates = Rates(shared)
        self._ids = np.empty(0, np.int32)
        self._count = 0

    def draft(self, tokens: Sequence[int], most: int) -> Draft | None:
        """Return how `tokens` may go on, in `most` tokens; None where nothing is alike.

        `tokens` are those of the last call with more behind them. Of several longest runs the last
        one counts: what was written later is more like what comes next.
        """
        self._take(tokens)
        ids, last = self._ids[: self._count], self._count - 1
        ends = np.flatnonzero(ids[:last] == ids[last])
        if most <= 0 or not len(ends):
            return None
        matched = 1
        while matched < min(_MAX_MATCH_TOKENS, last):
            longer = ends[ends >= matched]
            longer = longer[ids[longer - matched] == ids[last - matched]]
            if not len(longer):
                break
            ends, matched = longer, matched + 1
        # A run that ends shortly before the end repeats itself, so its continuation does.
        return Draft(np.resize(ids[ends[-1] + 1 :], most).tolist(), matched)

    def _take(self, tokens: Sequence[int]) -> None:
        count = len(tokens)
        if count > len(self._ids):
            grown = np.empty(count + count // 4 + 64, np.int32)
            grown[: self._count] = self._ids[: self._count]
            self._ids = grown
        self._ids[self._count : count] = tokens[self._count :]
        self._count = count
