"""Patterns of the Markdown that `bot.replies.links` examines, and how much of it is examined."""

from __future__ import annotations

import re

MAX_LINK_TEXT_CHARACTERS = 500
"""Longest text of a link that is examined; a longer one counts as misleading."""
MAX_BRACKET_DEPTH = 8
"""Deepest nesting of brackets whose text is examined."""
UNKNOWN_WORDS = "://"
"""Stands for a text that was not examined; it counts as an address."""
MAX_CODE_SPAN_CHARACTERS = 1_000
MAX_FENCE_LINE_CHARACTERS = 200
MAX_ADDRESS_CHARACTERS = 300
FENCE = "```"

SPECIAL = re.compile(r"[\\`!\[\]<>\n~]|:(?://|/?\Z)")
NO_LANGUAGE = re.compile(r"[`!<>\[\]]")
TICKS = re.compile(r"`+")
BRACKETS = re.compile(r"[\[\]]")
TILDES = re.compile(r"~+")
IMAGE = re.compile(r"!\[([^\[\]`\\\n]{0,300})\](.?)", re.DOTALL)
IMAGE_SO_FAR = re.compile(r"!\[[^\[\]`\\\n]{0,300}\Z")
TAG = re.compile(r"<[A-Za-z][A-Za-z0-9-]{0,40}(?=[\s/])")
TAG_SO_FAR = re.compile(r"<(?:[A-Za-z][A-Za-z0-9-]{0,40})?\Z")
TARGET = re.compile(r"\(<?([^\s()<>]{1,2000})>?\)")
TARGET_SO_FAR = re.compile(r"\(<?[^\s()<>]{0,2000}>?\Z")
AUTHORITY = re.compile(r"://([^\s/?#<>\[\]()`\\!]{0,300})")


def closes_earlier_bracket(code: str, *, opened: bool) -> bool:
    """Whether a bracket in a code span closes, or may close, one opened before the span."""
    depth = 0
    for bracket in BRACKETS.finditer(code):
        depth += 1 if bracket[0] == "[" else -1
        if depth < 0 and (opened or code.startswith("](", bracket.start())):
            return True
    return opened and depth > 0


def may_define_link(text: str, at: int, final: bool) -> bool | None:
    """Whether `[label]:` may define the target of `[words][label]`; None if undecided."""
    place = text[at : at + MAX_ADDRESS_CHARACTERS]
    token = place.lstrip(" \t>\n")
    end = next((i for i, character in enumerate(token) if character.isspace()), -1)
    if end < 0 and not final:
        return None if len(place) < MAX_ADDRESS_CHARACTERS else True
    word = token[:end] if end >= 0 else token
    return any(character in ":/&\\.<#" for character in word)
