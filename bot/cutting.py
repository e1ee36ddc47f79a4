"""Cutting a long text where it hurts least: at headings, paragraphs, lines, sentences, words."""

from __future__ import annotations

import re

_PLACES = tuple(
    re.compile(mark)
    for mark in (r"\n(?=#{1,6} )", r"\n\s*\n", r"\n", r"[.!?…][\"'”’)]*\s|[。！？]", r"\s")
)
"""Good places to cut a text at, best first."""


def cut(text: str, width: int) -> list[str]:
    """Cut a text into pieces of at most `width` characters, as late as a good place allows.

    Joined again, the pieces are the text but for the white space at the cuts.
    """
    pieces = []
    rest = text.strip()
    while len(rest) > width:
        at = next(
            (ends[-1] for ends in (_ends(rest, mark, width) for mark in _PLACES) if ends), width
        )
        pieces.append(rest[:at].rstrip())
        rest = rest[at:].lstrip()
    return [piece for piece in (*pieces, rest) if piece]


def _ends(text: str, mark: re.Pattern[str], width: int) -> list[int]:
    """Where a mark ends within the width, not in its first third (pieces must not be crumbs)."""
    return [found.end() for found in mark.finditer(text, width // 3, width)]
