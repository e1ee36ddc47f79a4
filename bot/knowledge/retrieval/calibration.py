"""Converts cosines of any embedder to the scale of the default one.

With the default embedder texts on different subjects have a cosine near 0. With others it is 0.4 or
0.75, since their vectors all point about one way, and what is alike stands out as little as that
leaves. The weights of a search and the curve of the evidence gate were found with the default one,
so every other is measured once, with the texts below, and brought to its scale. (To measure how
near a question and its answer come, and to stretch by that too, gains nothing more.)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from backends.arrays import np
from backends.base import Embeddings

if TYPE_CHECKING:
    import numpy.typing as npt

EmbedTexts = Callable[[Sequence[str]], Awaitable[Embeddings]]
Floats = TypeVar("Floats", "npt.NDArray[np.float32]", "npt.NDArray[np.float64]")

DEFAULT_UNRELATED_COSINE = 0.038
"""The mean cosine of the questions and passages below, with the default embedder."""
_MAX_UNRELATED_COSINE = 0.97
"""From this mean cosine on, an embedder tells nothing apart and is not calibrated."""

_QUESTIONS = (
    "How often do tomatoes need water?",
    "Who composed the opera Carmen?",
    "How do I ask for a day off?",
    "Why is the connection refused?",
    "How far away is the moon?",
    "How can a tenant end the lease?",
    "When is a player offside?",
    "What makes bread dough rise?",
)
_PASSAGES = (
    "The western half of the Roman Empire came to its end in the year 476.",
    "Burnt skin is cooled with wet cloths and kept out of the sun.",
    "Buyers and sellers at the exchange settle what a company's stock is worth.",
    "Copies of the database are stored on a second server every night.",
    "Whales breathe air and come to the surface every few minutes.",
    "The old bridge was closed to lorries after an inspection.",
    "Children learn to read at different ages.",
    "A sweater of wool is washed by hand in cold water.",
)
_QUESTIONS_OTHER_LANGUAGES = (
    "Wie oft muss das Öl im Auto gewechselt werden?",
    "Quelle est la plus haute montagne d'Europe ?",
    "怎样申请护照？",
    "كيف أغيّر كلمة المرور؟",
)
_PASSAGES_OTHER_LANGUAGES = (
    "Las patatas se fríen en aceite y se mezclan con huevo batido.",
    "Осенью хлорофилл разрушается, и листья желтеют.",
    "新幹線の最終列車は深夜零時の前に終点に着きます。",
    "शिशुओं को जन्म के बाद खसरा और पोलियो के टीके दिए जाते हैं।",
)


@dataclass(frozen=True, slots=True)
class CosineScale:
    """The cosines of an embedder. `unrelated_cosine` is the mean of texts on different subjects."""

    unrelated_cosine: float = DEFAULT_UNRELATED_COSINE

    def __call__(self, cosines: Floats) -> Floats:
        """Converts cosines to those the default embedder would give; 1 stays 1."""
        if self.unrelated_cosine == DEFAULT_UNRELATED_COSINE:
            return cosines
        return 1.0 - (1.0 - cosines) * (
            (1.0 - DEFAULT_UNRELATED_COSINE) / (1.0 - self.unrelated_cosine)
        )


DEFAULT_SCALE = CosineScale()
"""The scale of the default embedder, and of those that cannot be measured."""


async def measure_scale(
    embed_query: EmbedTexts, embed: EmbedTexts, *, english: bool
) -> CosineScale:
    """Measures the scale of an embedder; one that is not `english` with several languages.

    Raises a `BackendError`.
    """
    questions = await embed_query(
        _QUESTIONS if english else _QUESTIONS + _QUESTIONS_OTHER_LANGUAGES
    )
    passages = await embed(_PASSAGES if english else _PASSAGES + _PASSAGES_OTHER_LANGUAGES)
    return compute_scale(questions, passages)


def compute_scale(questions: Embeddings, passages: Embeddings) -> CosineScale:
    """Computes the scale from the vectors of unrelated questions and passages.

    Shapes (n, dim) and (m, dim).
    """
    unrelated_cosine = float((questions @ passages.T).mean())
    return (
        CosineScale(unrelated_cosine) if unrelated_cosine < _MAX_UNRELATED_COSINE else DEFAULT_SCALE
    )
