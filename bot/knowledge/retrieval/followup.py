"""Questions that lean on the one before ("and on Windows?"), told by their small words.

No model is asked: the earlier question's words are looked up too and count less than its own. A
question that has a subject of its own is looked up alone, whatever was asked before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.knowledge.language.stopwords import OPENING_WORDS, REFERRING_WORDS, THANKS_WORDS
from bot.knowledge.language.words import extract_terms, is_unspaced
from bot.knowledge.retrieval.query import Wording

_MAX_FOLLOW_UP_WORDS = 8
"""Most words of a question that leans on another."""
_MAX_UNSPACED_CHARACTERS = 16
"""The same in characters, where words are not spaced."""
_MAX_EARLIER_CHARACTERS = 400
_ALONE_WEIGHT = 0.3
"""What the question by itself counts beside both together; more loses what it leans on."""
_MAX_EARLIER_QUESTIONS = 3
"""Earlier questions that are looked at for one that stands by itself."""

_MAX_OWN_WORDS = 2
"""Words of its own that a question with such a word has at most; with more it has a subject."""
_OPENING_PHRASE = re.compile(
    r"^(?:what|how) about\b|^wie (?:ist|steht) es |^qu[ée] (?:hay|tal) "
    r"|^(?:那|那么|那麼|它|其|这|這|他|她|それ|これ|あれ|そこ|その|では|じゃ|で、)"
)
_CLOSING_PARTICLE = re.compile(r"(?:呢|は)[?？。]*$")
_INNER_PRONOUN = re.compile(r"[它其这這]|それ|これ")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def is_follow_up(question: str) -> bool:
    """Whether a question is short and refers to something outside it."""
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
    """A question with the earlier ones that it leans on (the last of them last), then by itself,
    so that its own words decide where both are found."""
    kept: list[str] = []
    for earlier in reversed(before[-_MAX_EARLIER_QUESTIONS:]):
        kept.insert(0, earlier.strip()[:_MAX_EARLIER_CHARACTERS])
        if not is_follow_up(earlier):
            break
    return [Wording(question, before=" ".join(kept)), Wording(question, _ALONE_WEIGHT)]
