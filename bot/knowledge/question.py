"""A question as the indexes understand it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.knowledge.embedder import Embedder
from bot.knowledge.words import is_unspaced, stem

_UNSPACED_TRUST = 0.05
_OTHER_TRUST = 0.15
"""What an English embedder's word is worth for other scripts, and for other languages in Latin
letters, where it still knows names."""


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, and the words of it that carry meaning.

    `weight` is by word, larger for rarer ones; `known` the share of the words that occur in the
    documents; `english` how English it looks, 0 to 1.
    """

    text: str
    words: list[str]
    weight: Mapping[str, float]
    known: float
    english: float

    @property
    def unspaced(self) -> bool:
        """Whether it has words in a script without spaces between them."""
        return any(map(is_unspaced, self.words))

    def trust(self, embedders: Sequence[Embedder]) -> float:
        """How well the embedders know its language, 0 to 1."""
        if not all(embedder.english for embedder in embedders):
            return 1.0
        if self.unspaced:
            return _UNSPACED_TRUST
        return _OTHER_TRUST + (1 - _OTHER_TRUST) * self.english


def hits(words: Sequence[str], among: frozenset[str]) -> list[str]:
    """Those of the words that are among the stems of a passage."""
    return [w for w in words if (w if is_unspaced(w) else stem(w)) in among]
