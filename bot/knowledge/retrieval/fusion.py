"""Combines dense and lexical scores into one.

Each kind of score is divided by the best of the question's candidates, so that the best of each
counts 1, and they are added by weight. On XQuAD this finds more than adding ranks does, and the
best sentence of a passage tells more than the passage as a whole (`bench/retrieval.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from backends.arrays import np

if TYPE_CHECKING:
    import numpy.typing as npt


Scores: TypeAlias = "npt.NDArray[np.float64]"

SENTENCE_SHARE = 5 / 6
"""Part of the dense weight that the best sentence has; the passage as a whole has the rest."""
EXACT_SHARE = 0.6
"""Part of the lexical score that words in their very form have; the rest is for their stems."""
FULL_WEIGHT_KNOWN_SHARE = 0.6
"""Share of a question's words that occur in the documents, from which full text counts in full."""


@dataclass(frozen=True, slots=True)
class ScoreWeights:
    """The weights of the kinds of score; their sum is 1."""

    sentence: float
    whole: float
    lexical: float


def compute_weights(dense: float, *, trust: float, known: float) -> ScoreWeights:
    """Computes the weights for one question.

    `dense` is the configured share of meaning. `trust`, 0 to 1, is how well the embedder knows the
    question's language; `known` the share of its words that occur in the documents at all: a
    question in another language than the documents' has few, and then meaning must do.
    """
    lexical = (1.0 - dense * trust) * min(1.0, known / FULL_WEIGHT_KNOWN_SHARE)
    meaning = 1.0 - lexical
    return ScoreWeights(meaning * SENTENCE_SHARE, meaning * (1 - SENTENCE_SHARE), lexical)


def fuse_scores(weights: ScoreWeights, sentence: Scores, whole: Scores, lexical: Scores) -> Scores:
    """Combines the scores of the candidates, shape (n,) each, into one, 0 to 1."""
    return (
        weights.sentence * divide_by_best(sentence)
        + weights.whole * divide_by_best(whole)
        + weights.lexical * divide_by_best(lexical)
    )


def fuse_lexical_scores(stemmed: Scores, exact: Scores) -> Scores:
    """Combines the two full text scores; a script without word forms has only the first."""
    return (1 - EXACT_SHARE) * divide_by_best(stemmed) + EXACT_SHARE * divide_by_best(exact)


def divide_by_best(scores: Scores) -> Scores:
    """Divides scores by the best one; negative scores become 0."""
    clipped = np.maximum(scores, 0.0)
    best = clipped.max(initial=0.0)
    return clipped / best if best > 0.0 else clipped
