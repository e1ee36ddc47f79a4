"""A text's own sentences that say what it is about: a summary that invents nothing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from bot.answering.extractive_quote import FENCED, is_prose, literal
from bot.knowledge.language.sentences import sentence_spans
from bot.knowledge.language.stopwords import STOP_WORDS
from bot.knowledge.language.words import extract_stems

READ_CHARACTERS = 300_000
"""How much of a text is looked at; the rest of a longer one is left out."""

_NUMBER = re.compile(r"^[\s#>*+\-•]*(?:\d{1,3}[.)]\s+)?")
_LONGEST = 320
_LENGTH = 0.7
"""Between none (long sentences are best) and 1 (short ones are)."""
_SAID = 0.1
"""What a word still counts for once a chosen sentence has it."""


def excerpts(text: str, most: int) -> list[str]:
    """At most so many sentences, in the text's order, word for word.

    The first is chosen, since texts begin with what they are about, and then each that has most
    words which the text says often and no chosen one has.
    Empty where there is no sentence in it. It takes about a second for the longest text: call it in
    a thread.
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
            weight[stem] *= _SAID
    return [found[at] for at in sorted(chosen)]


def _sentences(text: str) -> list[str]:
    plain = FENCED.sub("\n\n", text)
    cut = (literal(_NUMBER.sub("", plain[a:b], count=1)) for a, b in sentence_spans(plain))
    whole = dict.fromkeys(one for one in cut if is_prose(one) and not one.endswith(":"))
    return [one for one in whole if len(one) <= _LONGEST] or [_cut(one) for one in whole]


def _cut(sentence: str) -> str:
    return sentence[:_LONGEST].rsplit(" ", 1)[0] + " …" if len(sentence) > _LONGEST else sentence


def _worth(words: frozenset[str] | set[str], weight: dict[str, float]) -> float:
    return float(sum(weight[stem] for stem in words) / (len(words) + 4) ** _LENGTH)


def as_points(found: Sequence[str]) -> str:
    """The sentences as a list."""
    return "\n".join(f"- {one}" for one in found)
