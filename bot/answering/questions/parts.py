"""Splits a question that asks several things, or compares some, into questions of their own.

A model that can read splits it; one that rambles splits nothing, and the question is looked up as
it was asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace

from backends.base import Sampling
from bot.answering.query_rewriting import ask_aside, parse_lines, word_stems
from bot.answering.questions.forms import split_words
from bot.knowledge.language.detection import find_language
from bot.prompting.foreign_text import Trusted
from bot.skills.context import Context

MAX_PARTS = 4
"""The most questions that one is split into."""
_MAX_PART_CHARACTERS = 300
_MAX_SPLIT_CHARACTERS = 1_000
"""A longer text is a story, a log or a program rather than a list of questions."""
_MIN_WORDS = 5
_MIN_OWN_SHARE = 0.5
"""Share of the words of a part that are the question's own."""
_MIN_COVERED_SHARE = 0.5
"""Share of the question's words that its parts have together."""
_SAMPLING = Sampling(temperature=0.0, max_tokens=200)
_SCHEMA = {
    "type": "object",
    "properties": {
        "parts": {
            "type": "array",
            "maxItems": MAX_PARTS,
            "items": {"type": "string", "maxLength": _MAX_PART_CHARACTERS},
        }
    },
    "required": ["parts"],
    "additionalProperties": False,
}
_JOINING_WORDS = split_words(
    "and or vs versus compare compared comparison difference differ differs than between both und "
    "oder vergleiche vergleich unterschied unterscheiden als zwischen beide et ou comparer "
    "différence entre y o comparar diferencia e confronta differenza ed oppure diferença и или "
    "сравни разница en of verschil vergelijk"
)
_JOINING_SIGNS = re.compile(
    r"[,，、;；]|\n[ \t]*(?:[-*•]|\d+[.)])"
    r"|[和与跟及]|还是|比较|または|および|比べ|違い|[와과]\s|및|비교"
)
_KNOWN_LANGUAGES = frozenset({"en", "de", "fr", "es", "it", "pt", "ru", "nl", "zh", "ja", "ko"})
_ASKED = re.compile(r"\w\s?[?？]")
_WORD = re.compile(r"[^\W_]+")


async def split_question(ctx: Context, question: str, model: str) -> Sequence[str]:
    """The questions that a question asks, two to `MAX_PARTS`; none where it asks one.

    Ask where `may_have_parts` says that there may be several.
    """
    able = await ctx.models.capabilities(model)
    said = await ask_aside(
        ctx,
        "parts",
        replace(_SAMPLING, json_schema=_SCHEMA) if able.json_schema else _SAMPLING,
        model,
        question=Trusted(question),
        most=MAX_PARTS,
    )
    return accept_parts(_parts_in(said), question)


def may_have_parts(question: str) -> bool:
    """Whether a question may ask for several things. May load a model of languages."""
    text = question.strip()
    if len(text) > _MAX_SPLIT_CHARACTERS:
        return False
    words = _WORD.findall(text.casefold())
    if _JOINING_SIGNS.search(text) or len(_ASKED.findall(text)) > 1:
        return True
    if len(words) < _MIN_WORDS:
        return False
    return not _JOINING_WORDS.isdisjoint(words) or find_language(text) not in _KNOWN_LANGUAGES


def accept_parts(parts: Sequence[str], question: str) -> tuple[str, ...]:
    """The parts that a question was split into, or none where they are not its parts.

    Each must be made of some of the question's words for the most part and differ from the others,
    and together they must have most of its words.
    """
    own = frozenset(word_stems(question))
    found: dict[frozenset[str], str] = {}
    for part in parts:
        line = " ".join(part.split())
        words = frozenset(word_stems(line)) if len(line) <= _MAX_PART_CHARACTERS else frozenset()
        if words and not words >= own and len(words & own) >= _MIN_OWN_SHARE * len(words):
            found.setdefault(words, line)
    kept = list(found.items())[:MAX_PARTS]
    covered = own & frozenset[str]().union(*(words for words, _ in kept))
    if len(kept) < 2 or len(covered) < _MIN_COVERED_SHARE * len(own):
        return ()
    return tuple(line for _, line in kept)


def _parts_in(said: str) -> Sequence[str]:
    try:
        found = json.loads(said)
    except ValueError:
        return parse_lines(said)
    parts = found.get("parts") if isinstance(found, dict) else None
    return [one for one in parts if isinstance(one, str)] if isinstance(parts, list) else []
