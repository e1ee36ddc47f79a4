"""Whether the passages found speak about the question at all, decided before a model is asked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signs:
    """What the gate looks at.

    `coverage`: how much of the question's weight of words the best passage has, 0 to 1, where a
    word that is rare in the documents weighs more. `rarest`: whether the rarest word is among
    them. `similarity`: cosine of the question and the best sentence. `margin`: how far the best
    stands above the tenth. `trust`: how well the embedder knows the language. `unspaced`: whether
    the question is written without spaces between words.
    """

    coverage: float
    rarest: float
    similarity: float
    margin: float
    trust: float
    unspaced: bool = False


@dataclass(frozen=True, slots=True)
class Calibration:
    """A logistic curve over the signs."""

    bias: float
    coverage: float
    rarest: float = 0.0
    similarity: float = 0.0
    margin: float = 0.0


KNOWN = Calibration(bias=-4.4, coverage=4.4, rarest=1.3, similarity=3.2, margin=1.1)
"""For a language that the embedder knows. Fitted on the tuning half of Parlance's own golden set,
with questions of XQuAD at a fiftieth of the weight, their paragraph there and taken away."""
OTHER = Calibration(bias=-2.2, coverage=5.1, similarity=1.8)
UNSPACED = Calibration(bias=-1.7, coverage=8.5)
"""For other languages, and for scripts without spaces, where fewer pairs of characters are shared.
Fitted on `tests/golden/languages.yaml`, with each document there and taken away, and on the tuning
half's questions in other languages."""


def confidence(signs: Signs) -> float:
    """The probability that the best passages answer the question, 0 to 1."""
    if signs.unspaced:
        return _curve(UNSPACED, signs)
    known, other = _curve(KNOWN, signs), _curve(OTHER, signs)
    return signs.trust * known + (1.0 - signs.trust) * other


def _curve(calibration: Calibration, signs: Signs) -> float:
    value = (
        calibration.bias
        + calibration.coverage * signs.coverage
        + calibration.rarest * signs.rarest
        + calibration.similarity * signs.similarity
        + calibration.margin * signs.margin
    )
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, value))))


def rarity(frequency: int, passages: int) -> float:
    """What a word weighs that occurs in so many of the passages; one in none weighs most."""
    return math.log(1.0 + (passages - frequency + 0.5) / (frequency + 0.5))


def coverage(weights: Mapping[str, float], found: Sequence[str]) -> float:
    """The part of the words' weight that is found; 0 where there are no words."""
    total = sum(weights.values())
    return sum(weights[word] for word in set(found)) / total if total > 0 else 0.0
