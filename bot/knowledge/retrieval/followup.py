"""Questions that lean on the one before ("and on Windows?"), told by their small words.

No model is asked: the earlier question's words are looked up too and count less than its own. A
question that has a subject of its own is looked up alone, whatever was asked before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.knowledge.language.stopwords import OPENING, REFERRING, THANKS
from bot.knowledge.language.words import is_unspaced, terms
from bot.knowledge.retrieval.query import Wording

_SHORT = 8
"""Most words of a question that leans on another."""
_SHORT_UNSPACED = 16
"""The same in characters, where words are not spaced."""
_LONGEST_BEFORE = 400
_ALONE = 0.3
"""What the question by itself counts beside both together; more loses what it leans on."""
_BACK = 3
"""Earlier questions that are looked at for one that stands by itself."""

_FEW = 2
"""Words of its own that a question with such a word has at most; with more it has a subject."""
_SAID_FIRST = re.compile(
    r"^(?:what|how) about\b|^wie (?:ist|steht) es |^qu[ée] (?:hay|tal) "
    r"|^(?:那|那么|那麼|它|其|这|這|他|她|それ|これ|あれ|そこ|その|では|じゃ|で、)"
)
_SAID_LAST = re.compile(r"(?:呢|は)[?？。]*$")
_INSIDE = re.compile(r"[它其这這]|それ|これ")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def leans(question: str) -> bool:
    """Whether a question is short and refers to something outside it."""
    text = question.strip().casefold()
    found = _WORD.findall(text)
    unspaced = any(map(is_unspaced, found)) and len(found) <= 2
    if unspaced:
        if len(text) > _SHORT_UNSPACED:
            return False
        marks = _SAID_FIRST.search(text), _SAID_LAST.search(text), _INSIDE.search(text)
        return any(marks) or found[0] in OPENING or not terms(question)
    if not found or len(found) > _SHORT or text.endswith("!") or not THANKS.isdisjoint(found):
        return False
    own = len(terms(question))
    refers = not REFERRING.isdisjoint(found) and own <= _FEW
    return found[0] in OPENING or refers or own == 0 or _SAID_FIRST.search(text) is not None


def leaning(question: str, before: Sequence[str]) -> list[Wording]:
    """A question with the earlier ones that it leans on (the last of them last), then by itself,
    so that its own words decide where both are found."""
    kept: list[str] = []
    for earlier in reversed(before[-_BACK:]):
        kept.insert(0, earlier.strip()[:_LONGEST_BEFORE])
        if not leans(earlier):
            break
    return [Wording(question, before=" ".join(kept)), Wording(question, _ALONE)]
