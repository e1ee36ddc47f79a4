"""The declaration of a document loader, and helpers for writing one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from bot.catalogue.sentence import say
from bot.errors import Refused
from bot.skills.document_tree import Block, LeftOut

MAX_CHARACTERS = 5_000_000
"""The longest text of a document."""

_HEADING = re.compile(r"^#{1,6}[ \t]++(.*[^ \t\n])", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document as `blocks`, or as Markdown in `text`, which is then parsed into blocks.

    Without a `title` the first heading or the file name is it. `left_out` is what was seen and not
    read: pictures, hidden sheets, damaged pages.
    """

    text: str = field(default="", repr=False)
    title: str = ""
    blocks: tuple[Block, ...] = field(default=(), repr=False)
    left_out: tuple[LeftOut, ...] = ()


class TooLong(Refused):
    """The text of a document is longer than `MAX_CHARACTERS`. `name` is the document's name, where
    it is known."""

    def __init__(self, name: str = say("The document")) -> None:
        super().__init__(
            say(
                "{name} has more than {limit:,} characters of text; split it.",
                name=name[:100],
                limit=MAX_CHARACTERS,
            )
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
