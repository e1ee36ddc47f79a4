"""The declaration of a document loader, and helpers for writing one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from bot.errors import Refused

MAX_CHARACTERS = 5_000_000
"""The longest text of a document."""

_HEADING = re.compile(r"^#{1,6}[ \t]++(.*[^ \t\n])", re.MULTILINE)
_BACKTICKS = re.compile(r"`+")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document as Markdown. Without a `title` the first heading or the file name is it."""

    text: str = field(repr=False)
    title: str = ""


class TooLong(Refused):
    """The text of a document is longer than `MAX_CHARACTERS`. `name` is the document's name, where
    it is known."""

    def __init__(self, name: str = "The document") -> None:
        super().__init__(
            f"{name[:100]} has more than {MAX_CHARACTERS:,} characters of text; split it."
        )


class BoundedText:
    """Collects the parts of a text, up to the length that a document may have.

    It protects against small files that expand to any size.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._left = MAX_CHARACTERS

    def append(self, part: str) -> None:
        """Add a part. Raises `TooLong` if the text becomes too long."""
        self._left -= len(part)
        if self._left < 0:
            raise TooLong
        self._parts.append(part)

    def extend(self, parts: Iterable[str]) -> None:
        """Add several parts. Raises `TooLong` if the text becomes too long."""
        for part in parts:
            self.append(part)

    def join(self, between: str) -> str:
        """Join the parts that are not empty, with `between` between them."""
        return between.join(filter(None, self._parts))


def find_first_heading(markdown: str) -> str:
    """Return the first heading in the first 2,000 characters of a document, or an empty string.
    It serves as the title of a document that has none."""
    found = _HEADING.search(markdown[:2_000])
    return found[1][:200] if found else ""


def fence_code(code: str, language: str = "") -> str:
    """Return code as a fenced Markdown block whose fence is longer than any backticks in it."""
    longest = max((len(run) for run in _BACKTICKS.findall(code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{code}\n{fence}"


@dataclass(frozen=True, slots=True)
class Loader:
    """A reader of document formats.

    It is chosen by suffix (`.md`), by content type, or by the file's name in lower case
    (`makefile`) where no loader reads its suffix. `load(data, name)` runs in a process of its own
    with limited time and memory, so it may block. It raises `bot.errors.Refused`, with one
    sentence, for a file that cannot be read (encrypted, damaged, without text).
    """

    name: str
    suffixes: frozenset[str]
    load: Callable[[bytes, str], Loaded] = field(repr=False)
    content_types: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
