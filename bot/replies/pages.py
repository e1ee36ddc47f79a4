"""Fits what a platform shows into its messages, also where showing it makes it longer."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bot.replies.pagination import MIN_PAGE_CHARACTERS, split
from bot.types import View


def fit_pages(view: View, limit: int, show: Callable[[str], str]) -> Iterator[str]:
    """The pages of an answer as `show` returns them, each in as many messages as it needs.

    Of a growing text all but the last message stay as they are, save where a table is drawn: its
    columns may become wider.
    """
    for page in view.pages or ((view.text,) if view.text else ()):
        yield from _fit(page, limit, show, limit // 2)


def _fit(page: str, limit: int, show: Callable[[str], str], size: int) -> Iterator[str]:
    shown = show(page)
    if len(shown) <= limit:
        if shown.strip():
            yield shown
        return
    if size < MIN_PAGE_CHARACTERS:
        yield from (part for part in split_text(shown, limit) if part.strip())
        return
    for part in split(page, size):
        yield from _fit(part, limit, show, size // 2)


def split_text(text: str, limit: int) -> Iterator[str]:
    """Cut a text at a line or a space where there is one; joined, the pieces are the text."""
    while len(text) > limit:
        places = (text.rfind(mark, limit // 2, limit) for mark in ("\n", " "))
        cut = next((place + 1 for place in places if place > 0), limit)
        yield text[:cut]
        text = text[cut:]
    yield text
