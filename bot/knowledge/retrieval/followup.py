"""Recognises follow-up questions ("and on Windows?") by their function words.

No model is needed: the words of the earlier question are searched, too, with less weight. A
question with a subject of its own is searched alone, whatever was asked before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.knowledge.language.stopwords import OPENING_WORDS, REFERRING_WORDS, THANKS_WORDS
from bot.knowledge.language.words import extract_terms, is_unspaced
from bot.knowledge.retrieval.query import Wording

_MAX_FOLLOW_UP_WORDS = 8
"""The most words of a follow-up question."""
_MAX_UNSPACED_CHARACTERS = 16
"""The most characters of a follow-up in a script without spaces."""
_MAX_EARLIER_CHARACTERS = 400
_ALONE_WEIGHT = 0.3
"""The weight of the question alone, beside the combined one; more would lose the context."""
_MAX_EARLIER_QUESTIONS = 3
"""How many earlier questions are considered to find one that stands by itself."""

_MAX_OWN_WORDS = 2
"""The most own words of a follow-up with a pronoun; with more it has its own subject."""
_OPENING_PHRASE = re.compile(
    r"^(?:what|how) about\b|^wie (?:ist|steht) es |^qu[ée] (?:hay|tal) "
    r"|^(?:那|那么|那麼|它|其|这|這|他|她|それ|これ|あれ|そこ|その|では|じゃ|で、)"
)
_CLOSING_PARTICLE = re.compile(r"(?:呢|は)[?？。]*$")
_INNER_PRONOUN = re.compile(r"[它其这這]|それ|これ")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def is_follow_up(question: str) -> bool:
    """Tells whether a question is short and refers to an earlier one."""
    text = question.strip().casefold()
    found = _WORD.findall(text)
    unspaced = any(map(is_unspaced, found)) and len(found) <= 2
    if unspaced:
        if len(text) > _MAX_UNSPACED_CHARACTERS:
            return False
        marks = (
            _OPENING_PHRASE.search(text),
            _CLOSING_PARTICLE.search(text),
            _INNER_PRONOUN.search(text),
        )
        return any(marks) or found[0] in OPENING_WORDS or not extract_terms(question)
    if (
        not found
        or len(found) > _MAX_FOLLOW_UP_WORDS
        or text.endswith("!")
        or not THANKS_WORDS.isdisjoint(found)
    ):
        return False
    own = len(extract_terms(question))
    refers = not REFERRING_WORDS.isdisjoint(found) and own <= _MAX_OWN_WORDS
    return (
        found[0] in OPENING_WORDS or refers or own == 0 or _OPENING_PHRASE.search(text) is not None
    )


def combine_with_history(question: str, before: Sequence[str]) -> list[Wording]:
    """Returns a follow-up's wordings: joined with the earlier questions it needs, then alone.

    `before` has the earlier questions, oldest first. The second wording makes the question's own
    words decide where both are found.
    """
    kept: list[str] = []
    for earlier in reversed(before[-_MAX_EARLIER_QUESTIONS:]):
        kept.insert(0, earlier.strip()[:_MAX_EARLIER_CHARACTERS])
        if not is_follow_up(earlier):
            break
    return [Wording(question, before=" ".join(kept)), Wording(question, _ALONE_WEIGHT)]
