"""Snapshots of what a question came with (files as text, messages around it), so that it can be
answered again.

A snapshot is stored with the question's turn and deleted with it; each message in it is also
deleted with the person who wrote it. The files themselves are not stored, and of a long text only
the beginning is. Of pictures only the names are: they are fetched again from the platform.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeAlias

from bot.catalogue.sentence import say
from bot.errors import Refused
from bot.events import Attachment, CommandCall, ContextMessage, Message

MAX_SNAPSHOT_BYTES = 256 * 1024
"""Maximum size of the texts of one snapshot, in bytes of UTF-8."""
MAX_CONTEXT_MESSAGES = 50


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as it was read. `cut`: only its beginning is kept. `seen`: a model was shown its
    pictures; it is file number `at` of its message."""

    name: str
    title: str
    text: str = field(repr=False)
    cut: bool = False
    seen: bool = False
    at: int = 0
    content_type: str = ""


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

    def restore(self, find: FindFiles) -> ContextMessage:
        """The message, as an event has it."""
        return ContextMessage(
            self.author,
            self.text,
            self.from_us,
            self.id,
            _restore_files(self.files, partial(find, self.id)),
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

    def attachments(self, event: str, find: FindFiles) -> tuple[Attachment, ...]:
        """The files of the event with this id; a menu's message brings its own."""
        target = self.target.restore(find) if self.target else None
        own = _restore_files(self.files, partial(find, event))
        return (*own, *(target.attachments if target else ()))

    def context(self, find: FindFiles) -> tuple[ContextMessage, ...]:
        """The messages around the event."""
        return tuple(quote.restore(find) for quote in self.quotes)


FindFiles: TypeAlias = Callable[[str], Awaitable[Sequence[Attachment]]]
"""Fetches the files of a message from its platform, by the message's id; none if it is gone."""
ReadFiles = Sequence[tuple[Attachment, str, str]]
"""Files that were read: the attachment itself, its title and its text."""


def take_snapshot(
    event: Message | CommandCall, read: ReadFiles, seen: Sequence[Attachment] = ()
) -> AttachmentSnapshot:
    """The snapshot of an event, with those of its files that have been read (`read`), or whose
    pictures were shown to a model (`seen`)."""
    budget = _SizeBudget(read, seen)
    target = event.target if isinstance(event, CommandCall) else None
    kept = budget.message(target) if target is not None else None
    quotes = [budget.message(quote) for quote in event.context[-MAX_CONTEXT_MESSAGES:]]
    own = [file for file in event.attachments if not _is_in(file, target)]
    return AttachmentSnapshot(
        files=budget.files(own),
        quotes=tuple(quote for quote in quotes if quote.text.strip() or quote.files),
        target=kept,
    )


def _restore_files(
    files: Sequence[StoredFile], find: Callable[[], Awaitable[Sequence[Attachment]]]
) -> tuple[Attachment, ...]:
    """Stored files as attachments; only reading one whose pictures were seen fetches it."""
    return tuple(_seen_file(file, find) if file.seen else _attachment(file) for file in files)


def _attachment(file: StoredFile) -> Attachment:
    text = _text_of(file)
    data = text.encode()

    async def read(limit: int) -> bytes:
        return data[:limit]

    return Attachment(file.name, len(data), "text/markdown", read, text, file.title)


def _seen_file(file: StoredFile, find: Callable[[], Awaitable[Sequence[Attachment]]]) -> Attachment:
    async def read(limit: int) -> bytes:
        there = (await find())[file.at :]
        if not there or there[0].name[:200] != file.name:
            raise Refused(say("it is no longer there; please send it again."))
        return await there[0].read(limit)

    text = _text_of(file) or None
    return Attachment(file.name, 0, file.content_type or None, read, text, file.title)


def _text_of(file: StoredFile) -> str:
    """What was kept of a file's text, with a mark where there was more."""
    return f"{file.text}\n\n[…]" if file.cut else file.text


async def _refuse_thread(limit: int) -> Sequence[ContextMessage]:
    raise Refused(
        say("The messages of that thread are not kept; choose it again in the message's menu.")
    )


def _is_in(file: Attachment, quote: ContextMessage | None) -> bool:
    return quote is not None and any(file is one for one in quote.attachments)


class _SizeBudget:
    """Shortens texts so that all together stay within `MAX_SNAPSHOT_BYTES`."""

    def __init__(self, read: ReadFiles, seen: Sequence[Attachment]) -> None:
        self._left = MAX_SNAPSHOT_BYTES
        self._read = read
        self._seen = seen

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
        for at, file in enumerate(attachments):
            found = next(((t, text) for one, t, text in self._read if one is file), ("", ""))
            text = self._shorten(found[1])
            seen = any(one is file for one in self._seen)
            if text or seen:
                kept.append(
                    StoredFile(
                        name=file.name[:200],
                        title=(found[0] or file.name)[:200],
                        text=text,
                        cut=text != found[1],
                        seen=seen,
                        at=at,
                        content_type=(file.content_type or "")[:100],
                    )
                )
        return tuple(kept)

    def _shorten(self, text: str) -> str:
        taken = text[: self._left].encode("utf-8", "replace")[: self._left]
        self._left -= len(taken)
        return taken.decode("utf-8", "ignore")
