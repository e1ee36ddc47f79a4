"""Splits prose, lists and code in any language into sentences."""

from __future__ import annotations

import re

_SENTENCE_END = re.compile(
    r"(?<=[.!?…])[\"'”’)\]*_]*\s+(?=[\"'“‘(\[*_¿¡]*[^\W_a-z])"  # then upper case
    r"|(?<=[。！？｡])[」』”’）]*\s*"
    r"|\n\s*\n|\n(?=\s*(?:[-*+•]|\d+[.)])\s)|\n(?=\s*\|)"
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|St|Sr|Jr|vs|etc|e\.g|i\.e|cf|No|Nos|Fig|Inc|Ltd|Co|approx)|\b[A-Z])\.$"
)
_MARKUP = re.compile(r"^[\s#>*+\-•|=_`~:]+|(?<![\s|=_`~])[\s|=_`~]+$")


_ABBREVIATION_CHARACTERS = 8
"""Characters before a full stop that say whether it ends an abbreviation."""


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Returns the start and end of each sentence; together they cover all but white space."""
    found: list[tuple[int, int]] = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        end = match.start() + len(match[0].rstrip())
        if end <= start or _ABBREVIATION.search(
            text, max(start, match.start() - _ABBREVIATION_CHARACTERS), match.start()
        ):
            continue
        found.append((start, end))
        start = match.end()
    if text[start:].strip():
        found.append((start, len(text)))
    return [(a, b) for a, b in found if text[a:b].strip()]


def split_sentences(text: str, *, least: int = 24) -> list[str]:
    """Returns the sentences of a passage without list and table marks.

    A piece shorter than `least` characters joins the one before it (or after, at the start).
    """
    found: list[list[str]] = []
    length = 0
    for a, b in sentence_spans(text):
        piece = _MARKUP.sub("", text[a:b])
        if not piece:
            continue
        if found and (len(piece) < least or length < least):
            found[-1].append(piece)
            length += 1 + len(piece)
        else:
            found.append([piece])
            length = len(piece)
    return [" ".join(pieces) for pieces in found]
