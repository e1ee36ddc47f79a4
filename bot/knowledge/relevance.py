"""Which of several short texts fit a question best, where not all of them have room in a prompt."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from math import log
from typing import Final

from bot.knowledge.language.stopwords import STOP_WORDS

AlikeTexts = Callable[[str, Sequence[str]], Awaitable[Sequence[float] | None]]
"""Returns how alike a question and each of the texts are; None where nothing can tell now."""

_WORDS_WEIGHT: Final = 0.2
"""What the best by words is worth beside likeness: it decides between those about as alike."""
_MAX_QUESTION_CHARACTERS: Final = 1_000
_WORD = re.compile(r"[^\W_]{3,}")
_PREFIX_CHARACTERS: Final = 5
_MAX_COMPARED: Final = 200
_COMPARED_CHARACTERS: Final = 600
_LEAST_LIKENESS: Final = 0.3
"""What is less alike, and shares no word, does not fit."""


def stems(text: str) -> set[str]:
    """The beginnings of the words of a text that say something."""
    words = _WORD.findall(text.casefold().replace("_", " "))
    return {word[:_PREFIX_CHARACTERS] for word in words if word not in STOP_WORDS}


def word_scores(question: str, weighted: Sequence[Mapping[str, float]]) -> list[float]:
    """How well texts fit by their words, given as the beginnings of these with what each counts. A
    word counts the more the fewer texts have it."""
    wanted = stems(question)
    shared = Counter(stem for one in weighted for stem in one)
    return [
        sum(
            weight * log(1 + len(weighted) / shared[stem])
            for stem, weight in one.items()
            if stem in wanted
        )
        for one in weighted
    ]


def combine(by_words: Sequence[float], alike: Sequence[float] | None) -> list[float]:
    """Scores by words and, where it is known, by how alike a question and each text are."""
    if alike is None:
        return list(by_words)
    most = max(by_words, default=0.0) or 1.0
    pairs = zip(alike, by_words, strict=True)
    return [like + _WORDS_WEIGHT * words / most for like, words in pairs]


async def relevances(
    question: str, texts: Sequence[str], likeness: AlikeTexts | None
) -> list[float]:
    """How well each text fits a question, by meaning where that can be told and by words; 0: not at
    all. Of very many texts the meaning of those is compared that share the most words with it, and
    of equals the first."""
    asked = question[:_MAX_QUESTION_CHARACTERS]
    by_words = await asyncio.to_thread(_by_words, asked, texts)
    if likeness is None or not asked.strip():
        return by_words
    chosen = sorted(range(len(texts)), key=lambda n: -by_words[n])[:_MAX_COMPARED]
    told = await likeness(asked, [texts[n][:_COMPARED_CHARACTERS] for n in chosen])
    if told is None:
        return by_words
    alike = [0.0] * len(texts)
    for n, like in zip(chosen, told, strict=True):
        alike[n] = like if by_words[n] or like >= _LEAST_LIKENESS else 0.0
    return combine(by_words, alike)


def _by_words(question: str, texts: Sequence[str]) -> list[float]:
    return word_scores(question, [dict.fromkeys(stems(text), 1.0) for text in texts])
