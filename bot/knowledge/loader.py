"""What a reader of a document format is. `loaders.py` has the ones that ship."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

_HEADING = re.compile(r"^#{1,6}[ \t]+(.+?)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document read as Markdown. Where `title` is empty the first heading or the name is it."""

    text: str = field(repr=False)
    title: str = ""


def opening_heading(markdown: str) -> str:
    """The first heading of a document that has no title of its own, also where another heading
    follows at once: a title page. Empty where there is none."""
    found = _HEADING.search(markdown[:2_000])
    return found[1][:200] if found else ""


@dataclass(frozen=True, slots=True)
class Loader:
    """Reads the formats with these suffixes (`.md`) or content types.

    `load(data, name)` runs in a thread, so it may block. It raises `bot.errors.Refused` for what
    cannot be read (encrypted, damaged, no text), with one sentence.
    """

    name: str
    suffixes: frozenset[str]
    load: Callable[[bytes, str], Loaded] = field(repr=False)
    content_types: frozenset[str] = frozenset()
