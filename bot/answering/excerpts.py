"""Extractive summaries: the sentences of a text that say most of what it is about."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from bot.answering.extractive_quote import FENCED_CODE, is_prose, join_lines
from bot.knowledge.language.sentences import sentence_spans
from bot.knowledge.language.stopwords import STOP_WORDS
from bot.knowledge.language.words import extract_stems

READ_CHARACTERS = 300_000
"""How much of a text is looked at; the rest of a longer one is left out."""

_LIST_MARKER = re.compile(r"^[\s#>*+\-•]*(?:\d{1,3}[.)]\s+)?")
_MAX_SENTENCE_CHARACTERS = 320
_LENGTH_PENALTY = 0.7
"""Between none (long sentences are best) and 1 (short ones are)."""
_REPEATED_WEIGHT = 0.1
"""What a word still counts for once a chosen sentence has it."""


def excerpts(text: str, most: int) -> list[str]:
    """The `most` most important sentences of a text, word for word and in its order.

    The first sentence is always chosen, since texts begin with what they are about; then those with
    the most words that are frequent in the text and not in a chosen sentence yet. Empty where the
    text has no sentence. Takes about a second for the longest text, so call it in a thread.
    """
    found = _sentences(text[:READ_CHARACTERS])
    words = [extract_stems(one) - STOP_WORDS for one in found]
    weight: dict[str, float] = dict(Counter(stem for each in words for stem in each))
    chosen: list[int] = []
    open_ = [at for at, each in enumerate(words) if each]
    while open_ and len(chosen) < most:
        best = max(open_, key=lambda at: (_worth(words[at], weight), -at)) if chosen else open_[0]
        chosen.append(best)
        open_.remove(best)
        for stem in words[best]:
            weight[stem] *= _REPEATED_WEIGHT
    return [found[at] for at in sorted(chosen)]


def _sentences(text: str) -> list[str]:
    plain = FENCED_CODE.sub("\n\n", text)
    cut = (join_lines(_LIST_MARKER.sub("", plain[a:b], count=1)) for a, b in sentence_spans(plain))
    whole = dict.fromkeys(one for one in cut if is_prose(one) and not one.endswith(":"))
    return [one for one in whole if len(one) <= _MAX_SENTENCE_CHARACTERS] or [
        _shorten(one) for one in whole
    ]


def _shorten(sentence: str) -> str:
    return (
        sentence[:_MAX_SENTENCE_CHARACTERS].rsplit(" ", 1)[0] + " …"
        if len(sentence) > _MAX_SENTENCE_CHARACTERS
        else sentence
    )


def _worth(words: frozenset[str] | set[str], weight: dict[str, float]) -> float:
    return float(sum(weight[stem] for stem in words) / (len(words) + 4) ** _LENGTH_PENALTY)


def as_points(found: Sequence[str]) -> str:
    """The sentences as a list."""
    return "\n".join(f"- {one}" for one in found)
