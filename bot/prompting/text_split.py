"""Cutting a long text where it hurts least: at headings, paragraphs, lines, sentences, words."""

from __future__ import annotations

import re
from collections.abc import Iterator

_PLACES = tuple(
    re.compile(mark)
    for mark in (r"\n(?=#{1,6} )", r"\n\s*\n", r"\n", r"[.!?…][\"'”’)]*\s|[。！？]", r"\s")
)
"""Good places to cut a text at, best first."""
_INK = re.compile(r"\S")


def cut(text: str, width: int) -> list[str]:
    """Cut a text into pieces of at most `width` characters, as late as a good place allows.

    Joined again, the pieces are the text but for the white space at the cuts.
    """
    return [text[start:end] for start, end in cuts(text, width)]


def cuts(text: str, width: int) -> Iterator[tuple[int, int]]:
    """Where the pieces stand, each found when it is asked for, and with it the next alone."""
    end = len(text.rstrip())
    start = _next(text, 0)
    while end - start > width:
        ends = (_ends(text, mark, start, width) for mark in _PLACES)
        at = next((found[-1] for found in ends if found), start + width)
        yield start, start + len(text[start:at].rstrip())
        start = _next(text, at)
    if start < end:
        yield start, end


def _next(text: str, at: int) -> int:
    """Where the next character stands that is no white space."""
    found = _INK.search(text, at)
    return found.start() if found else len(text)


def _ends(text: str, mark: re.Pattern[str], start: int, width: int) -> list[int]:
    """Where a mark ends within the width, not in its first third (pieces must not be crumbs)."""
    return [found.end() for found in mark.finditer(text, start + width // 3, start + width)]
