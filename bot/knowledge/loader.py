"""What a reader of a document format is. `loaders.py` has the ones that ship."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

_HEADING = re.compile(r"^#{1,6}[ \t]+(.+?)[ \t]*$", re.MULTILINE)
_BACKTICKS = re.compile(r"`+")


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


def fenced(code: str, language: str = "") -> str:
    """Code as a block of Markdown, in a fence that is longer than any within it."""
    longest = max((len(run) for run in _BACKTICKS.findall(code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{code}\n{fence}"


@dataclass(frozen=True, slots=True)
class Loader:
    """Reads the formats with these suffixes (`.md`) or content types, and files of these names, in
    small letters (`makefile`), whose suffix nothing reads.

    `load(data, name)` runs in a thread, so it may block. It raises `bot.errors.Refused` for what
    cannot be read (encrypted, damaged, no text), with one sentence.
    """

    name: str
    suffixes: frozenset[str]
    load: Callable[[bytes, str], Loaded] = field(repr=False)
    content_types: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
