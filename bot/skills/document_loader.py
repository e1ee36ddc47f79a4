"""What a reader of a document format is. `loaders.py` has the ones that ship."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from bot.errors import Refused

MAX_CHARACTERS = 5_000_000
"""Of a document's text."""

_HEADING = re.compile(r"^#{1,6}[ \t]++(.*[^ \t\n])", re.MULTILINE)
_BACKTICKS = re.compile(r"`+")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document read as Markdown. Where `title` is empty the first heading or the name is it."""

    text: str = field(repr=False)
    title: str = ""


class TooLong(Refused):
    """The text that is being made is longer than a document's may be. Whoever knows the document's
    name says so with it."""

    def __init__(self, name: str = "The document") -> None:
        super().__init__(
            f"{name[:100]} has more than {MAX_CHARACTERS:,} characters of text; split it."
        )


class BoundedText:
    """A text in the making, of which no more is made than a document may have: a small file can
    ask for any amount. Raises `TooLong`."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._left = MAX_CHARACTERS

    def append(self, part: str) -> None:
        self._left -= len(part)
        if self._left < 0:
            raise TooLong
        self._parts.append(part)

    def extend(self, parts: Iterable[str]) -> None:
        for part in parts:
            self.append(part)

    def join(self, between: str) -> str:
        """Those that say something, with this between them."""
        return between.join(filter(None, self._parts))


def find_first_heading(markdown: str) -> str:
    """The first heading of a document that has no title of its own, also where another heading
    follows at once: a title page. Empty where there is none."""
    found = _HEADING.search(markdown[:2_000])
    return found[1][:200] if found else ""


def fence_code(code: str, language: str = "") -> str:
    """Code as a block of Markdown, in a fence that is longer than any within it."""
    longest = max((len(run) for run in _BACKTICKS.findall(code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{code}\n{fence}"


@dataclass(frozen=True, slots=True)
class Loader:
    """Reads the formats with these suffixes (`.md`) or content types, and files of these names, in
    small letters (`makefile`), whose suffix nothing reads.

    `load(data, name)` runs in a process of its own, whose time and memory are bounded, so it may
    block. It raises `bot.errors.Refused` for what cannot be read (encrypted, damaged, no text),
    with one sentence.
    """

    name: str
    suffixes: frozenset[str]
    load: Callable[[bytes, str], Loaded] = field(repr=False)
    content_types: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
