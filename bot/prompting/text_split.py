"""Splits a long text at headings, paragraphs, lines, sentences or words, the best that fits."""

from __future__ import annotations

import re
from collections.abc import Iterator

_BREAKS = tuple(
    re.compile(mark)
    for mark in (r"\n(?=#{1,6} )", r"\n\s*\n", r"\n", r"[.!?…][\"'”’)]*\s|[。！？]", r"\s")
)
"""Good places to cut a text at, best first."""
_VISIBLE = re.compile(r"\S")


def split_text(text: str, width: int) -> list[str]:
    """Split a text into pieces of at most `width` characters, as late as a good place allows.

    Joined again, the pieces are the text but for the white space at the cuts.
    """
    return [text[start:end] for start, end in iter_spans(text, width)]


def iter_spans(text: str, width: int) -> Iterator[tuple[int, int]]:
    """Start and end of each piece of `split_text`, computed lazily."""
    end = len(text.rstrip())
    start = _next_visible(text, 0)
    while end - start > width:
        ends = (_break_ends(text, mark, start, width) for mark in _BREAKS)
        at = next((found[-1] for found in ends if found), start + width)
        yield start, start + len(text[start:at].rstrip())
        start = _next_visible(text, at)
    if start < end:
        yield start, end


def _next_visible(text: str, at: int) -> int:
    """Where the next character stands that is no white space."""
    found = _VISIBLE.search(text, at)
    return found.start() if found else len(text)


def _break_ends(text: str, mark: re.Pattern[str], start: int, width: int) -> list[int]:
    """Where a mark ends within the width, not in its first third (pieces must not be crumbs)."""
    return [found.end() for found in mark.finditer(text, start + width // 3, start + width)]
