"""Estimates whether the passages found answer the question, before a model is asked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EvidenceSigns:
    """The features that the evidence gate uses.

    `coverage`: how much of the question's weight of words the best passage has, 0 to 1, where a
    word that is rare in the documents weighs more. `similarity`: cosine of the question and the
    best sentence; `late`: mean cosine of the question's tokens with those of the passage (late
    interaction), None where it was not computed. `margin`: how far the best passage's score is
    above the next one's. `talk`: how much the nearest sentence lacks of being clearly nearer to
    the message than small talk is. `trust`: how well the embedder knows the language. `unspaced`:
    whether the question is written without spaces between words.
    """

    coverage: float
    similarity: float
    trust: float
    late: float | None = None
    margin: float = 0.0
    talk: float = 0.0
    unspaced: bool = False


MAX_MARGIN = 0.6
"""More than this a passage does not stand out."""
UNKNOWN_MARGIN = 0.25
"""What is assumed where there is one passage alone."""


@dataclass(frozen=True, slots=True)
class EvidenceCurve:
    """The weights of a logistic curve over the signs."""

    bias: float
    coverage: float
    similarity: float = 0.0
    late: float = 0.0
    margin: float = 0.0
    talk: float = 0.0


KNOWN_LANGUAGE = EvidenceCurve(bias=-5.0, coverage=2.5, late=6.2, margin=1.6, talk=-12.0)
"""For a language that the embedder knows. Fitted on the tuning halves of `tests/golden/blind.yaml`
(weight 2.5), of Parlance's own golden set (1), of `tests/golden/smalltalk.yaml` (0.7), of questions
of XQuAD (0.3) of which half have their paragraph taken away while its neighbours stay, and of
SQuAD 2 (0.05). Held-out by subject, its AUC on blind questions near the subject is .83; that of
words and the best sentence's cosine alone is .77. Beside these signs the best sentence, the
expected kind of answer (a figure where a figure is asked for), the rarest word, and the cosines'
own margin add nothing."""
OTHER_LANGUAGE = EvidenceCurve(bias=-3.3, coverage=6.0)
UNSPACED_SCRIPT = EvidenceCurve(bias=-1.9, coverage=6.0)
"""For languages that the embedder does not know, and for scripts without spaces, where fewer pairs
of characters are shared: words alone. Chosen on the tuning half of `tests/golden/blind.yaml`. No
sign tells a near question from an answerable one there (AUC .5), so that only those whose words are
mostly found are answered, and most of the others are shown as not sure."""


RELATED_KNOWN = EvidenceCurve(bias=-2.7, coverage=1.0, similarity=7.2, talk=-4.0)
RELATED_OTHER = EvidenceCurve(bias=-1.0, coverage=10.0)
"""Whether passages are about the subject of a question, in a language that the embedder knows, and
in another. Fitted on the tuning halves of the same sets and of `tests/golden/blind.yaml`, with
SQuAD 2's questions about other articles; `talk` weighs as much as loses no answerable question."""


def relatedness(signs: EvidenceSigns) -> float:
    """Returns the probability that the best passages are about the question's subject, 0 to 1."""
    known, other = _apply_curve(RELATED_KNOWN, signs), _apply_curve(RELATED_OTHER, signs)
    return signs.trust * known + (1.0 - signs.trust) * other


def confidence(signs: EvidenceSigns) -> float:
    """Returns the probability that the best passages answer the question, 0 to 1."""
    if signs.unspaced:
        return _apply_curve(UNSPACED_SCRIPT, signs)
    known, other = _apply_curve(KNOWN_LANGUAGE, signs), _apply_curve(OTHER_LANGUAGE, signs)
    return signs.trust * known + (1.0 - signs.trust) * other


def _apply_curve(calibration: EvidenceCurve, signs: EvidenceSigns) -> float:
    value = (
        calibration.bias
        + calibration.coverage * signs.coverage
        + calibration.similarity * signs.similarity
        + calibration.late * (_guess_late(signs) if signs.late is None else signs.late)
        + calibration.margin * signs.margin
        + calibration.talk * signs.talk
    )
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, value))))


def _guess_late(signs: EvidenceSigns) -> float:
    """What late interaction would give, by the best sentence; words that are there are near
    themselves."""
    return max(0.22 + 0.67 * signs.similarity, 0.28 + 0.17 * signs.coverage)


_MIN_COUNTED_PASSAGES = 50


def rarity(frequency: int, passages: int) -> float:
    """Returns the weight of a word that occurs in `frequency` of the passages (its IDF).

    A handful of passages says little about what is rare, so at least `_MIN_COUNTED_PASSAGES` are
    assumed.
    """
    passages = max(passages, _MIN_COUNTED_PASSAGES)
    return math.log(1.0 + (passages - frequency + 0.5) / (frequency + 0.5))


def coverage(weights: Mapping[str, float], found: Sequence[str]) -> float:
    """Returns the share of the words' weight that is found, 0 to 1; 0 without words."""
    total = sum(weights.values())
    return sum(weights[word] for word in set(found)) / total if total > 0 else 0.0
