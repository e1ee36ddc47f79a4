"""The declaration of a document loader, and helpers for writing one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bot.catalogue.sentence import say
from bot.errors import Refused
from bot.skills.document_tree import Block, LeftOut

MAX_CHARACTERS = 5_000_000
"""The longest text of a document."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document as `blocks`, or as Markdown in `text`, which is then parsed into blocks.

    Without a `title` the first heading or the file name is it. `left_out` is what was seen and not
    read: pictures, hidden sheets, damaged pages. `unread_pages` are numbers of pages (from 1) that
    may be scans: text recognition reads them, where the operator has turned it on, and what it has
    read is in `recognized`.
    """

    text: str = field(default="", repr=False)
    title: str = ""
    blocks: tuple[Block, ...] = field(default=(), repr=False)
    left_out: tuple[LeftOut, ...] = ()
    unread_pages: tuple[int, ...] = ()
    recognized: tuple[RecognizedPage, ...] = ()


@dataclass(frozen=True, slots=True)
class RecognizedPage:
    """A page that text recognition has read, with its mean confidence from 0 to 1."""

    page: int
    confidence: float


class NoText(Refused):
    """A document has no text; its `unread_pages` (from 1) may be scans."""

    def __init__(self, text: str, unread_pages: tuple[int, ...] = ()) -> None:
        super().__init__(text)
        self.unread_pages = unread_pages


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
