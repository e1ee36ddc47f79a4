"""Snapshots of what a question came with (files as text, messages around it), so that it can be
answered again.

A snapshot is stored with the question's turn and deleted with it; each message in it is also
deleted with the person who wrote it. The files themselves are not stored, and of a long text only
the beginning is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from bot.catalogue.sentence import say
from bot.errors import Refused
from bot.events import Attachment, CommandCall, ContextMessage, Message

MAX_SNAPSHOT_BYTES = 256 * 1024
"""Maximum size of the texts of one snapshot, in bytes of UTF-8."""
MAX_CONTEXT_MESSAGES = 50


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as it was read. `cut`: only its beginning is kept."""

    name: str
    title: str
    text: str = field(repr=False)
    cut: bool = False


@dataclass(frozen=True, slots=True)
class StoredContextMessage:
    """A message that gave context. `thread`: a thread hung on it, which is not kept. `by` is the
    person who wrote it, with whom it is forgotten."""

    author: str
    text: str = field(repr=False)
    from_us: bool = False
    id: str = ""
    files: tuple[StoredFile, ...] = ()
    thread: bool = False
    by: str = ""

    def restore(self) -> ContextMessage:
        """The message, as an event has it."""
        return ContextMessage(
            self.author,
            self.text,
            self.from_us,
            self.id,
            restore_files(self.files),
            _refuse_thread if self.thread else None,
            self.by,
        )


@dataclass(frozen=True, slots=True)
class AttachmentSnapshot:
    """What was read with a question: attached files, messages around it, a menu's message."""

    files: tuple[StoredFile, ...] = ()
    quotes: tuple[StoredContextMessage, ...] = ()
    target: StoredContextMessage | None = None

    def __bool__(self) -> bool:
        return bool(self.files or self.quotes or self.target)

    @property
    def people(self) -> frozenset[str]:
        """Who wrote the messages in it."""
        every = (*self.quotes, *([self.target] if self.target else ()))
        return frozenset(quote.by for quote in every if quote.by and not quote.from_us)

    def without(self, person: str) -> AttachmentSnapshot:
        """The same without what a person wrote around it."""
        target = self.target if self.target and self.target.by != person else None
        quotes = tuple(quote for quote in self.quotes if quote.by != person)
        return replace(self, quotes=quotes, target=target)

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """The event's files; a menu's message brings its own."""
        return (
            *restore_files(self.files),
            *restore_files(self.target.files if self.target else ()),
        )

    @property
    def context(self) -> tuple[ContextMessage, ...]:
        return tuple(quote.restore() for quote in self.quotes)


ReadFiles = Sequence[tuple[Attachment, str, str]]
"""Files that were read: the attachment itself, its title and its text."""


def take_snapshot(event: Message | CommandCall, read: ReadFiles) -> AttachmentSnapshot:
    """The snapshot of an event, with those of its files that have been read (`read`)."""
    budget = _SizeBudget(read)
    target = event.target if isinstance(event, CommandCall) else None
    kept = budget.message(target) if target is not None else None
    quotes = [budget.message(quote) for quote in event.context[-MAX_CONTEXT_MESSAGES:]]
    own = [file for file in event.attachments if not _is_in(file, target)]
    return AttachmentSnapshot(
        files=budget.files(own),
        quotes=tuple(quote for quote in quotes if quote.text.strip() or quote.files),
        target=kept,
    )


def restore_files(files: Sequence[StoredFile]) -> tuple[Attachment, ...]:
    """Stored files as attachments; reading one fetches nothing."""
    return tuple(_attachment(file) for file in files)


def _attachment(file: StoredFile) -> Attachment:
    text = f"{file.text}\n\n[…]" if file.cut else file.text
    data = text.encode()

    async def read(limit: int) -> bytes:
        return data[:limit]

    return Attachment(file.name, len(data), "text/markdown", read, text, file.title)


async def _refuse_thread(limit: int) -> Sequence[ContextMessage]:
    raise Refused(
        say("The messages of that thread are not kept; choose it again in the message's menu.")
    )


def _is_in(file: Attachment, quote: ContextMessage | None) -> bool:
    return quote is not None and any(file is one for one in quote.attachments)


class _SizeBudget:
    """Shortens texts so that all together stay within `MAX_SNAPSHOT_BYTES`."""

    def __init__(self, read: ReadFiles) -> None:
        self._left = MAX_SNAPSHOT_BYTES
        self._read = read

    def message(self, quote: ContextMessage) -> StoredContextMessage:
        return StoredContextMessage(
            quote.author[:200],
            self._shorten(quote.text),
            quote.from_us,
            quote.id,
            self.files(quote.attachments),
            quote.replies is not None,
            quote.by,
        )

    def files(self, attachments: Iterable[Attachment]) -> tuple[StoredFile, ...]:
        kept = []
        for file in attachments:
            found = next(((t, text) for one, t, text in self._read if one is file), None)
            if found is not None and (text := self._shorten(found[1])):
                kept.append(StoredFile(file.name[:200], found[0][:200], text, text != found[1]))
        return tuple(kept)

    def _shorten(self, text: str) -> str:
        taken = text[: self._left].encode("utf-8", "replace")[: self._left]
        self._left -= len(taken)
        return taken.decode("utf-8", "ignore")
