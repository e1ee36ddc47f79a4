"""What Discord tells, decoded, as data that another process of the bot can read.

Only the process with Discord's connection knows servers, channels and permissions; so it decodes
an event, and finds out where it is answered and what the person may read. The rest is made anew
from this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from bot.adapters.discord.outbound.reply_plan import InteractionReply, MessageReply
from bot.adapters.discord.transport.payloads import Download
from bot.events import (
    Attachment,
    CommandCall,
    ContextMessage,
    Message,
    MessageDeleted,
    Reader,
)
from bot.types import Author, ConversationKey, Value

FORMAT: Final = 1
"""Number of the format; a process handles only events of its own."""


class UnknownFormat(ValueError):
    """An event of another version of the bot."""


@dataclass(frozen=True, slots=True)
class HandedFile:
    """An attachment, and where Discord keeps it."""

    name: str
    size: int
    content_type: str | None
    url: str = field(repr=False)

    @classmethod
    def of(cls, file: Attachment) -> HandedFile:
        """The data of an attachment from Discord. Raises `TypeError` for any other."""
        if not isinstance(file.read, Download):
            raise TypeError(f"not a file from Discord: {file.name}")
        return cls(file.name, file.size, file.content_type, file.read.url)

    def attachment(self) -> Attachment:
        """The attachment again."""
        read = Download(self.url, self.name, self.size)
        return Attachment(self.name, self.size, self.content_type, read)


@dataclass(frozen=True, slots=True)
class HandedContext:
    """A message that gives context; `has_thread` says whether its thread can be read."""

    author: str
    text: str = field(repr=False)
    from_us: bool
    id: str
    by: str
    files: tuple[HandedFile, ...]
    has_thread: bool

    @classmethod
    def of(cls, said: ContextMessage) -> HandedContext:
        """The data of a message."""
        return cls(
            said.author, said.text, said.from_us, said.id, said.by,
            tuple(map(HandedFile.of, said.attachments)), said.replies is not None,
        )  # fmt: skip

    def context_message(self) -> ContextMessage:
        """The message again, without a reader of its thread."""
        files = tuple(file.attachment() for file in self.files)
        return ContextMessage(self.author, self.text, self.from_us, self.id, files, by=self.by)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedMessage:
    """A `Message` and how it is answered; `reads` says whether its author may read what stands
    before it."""

    __pydantic_config__ = ConfigDict(extra="forbid")
    kind: Literal["message"] = "message"
    id: str
    conversation: ConversationKey
    author: Author
    text: str = field(repr=False)
    direct: bool
    files: tuple[HandedFile, ...]
    context: tuple[HandedContext, ...]
    at: datetime
    reads: bool
    reply: MessageReply

    @classmethod
    def of(cls, event: Message, reply: MessageReply, *, reads: bool) -> HandedMessage:
        """The data of an event."""
        return cls(
            id=event.id,
            conversation=event.conversation,
            author=event.author,
            text=event.text,
            direct=event.direct,
            files=tuple(map(HandedFile.of, event.attachments)),
            context=tuple(map(HandedContext.of, event.context)),
            at=event.at,
            reads=reads,
            reply=reply,
        )

    def event(self, earlier: Reader | None) -> Message:
        """The event again; `earlier` reads what stands before it."""
        return Message(
            self.id,
            self.conversation,
            self.author,
            self.text,
            direct=self.direct,
            attachments=tuple(file.attachment() for file in self.files),
            context=tuple(said.context_message() for said in self.context),
            at=self.at,
            earlier=earlier,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedCall:
    """A `CommandCall` and how it is answered; `reads` says whether the person may read the channel
    in which they called."""

    __pydantic_config__ = ConfigDict(extra="forbid")
    kind: Literal["command"] = "command"
    id: str
    conversation: ConversationKey
    author: Author
    name: str
    options: Mapping[str, Value] = field(repr=False)
    direct: bool
    files: tuple[HandedFile, ...]
    target: HandedContext | None
    at: datetime
    reads: bool
    reply: InteractionReply

    @classmethod
    def of(cls, event: CommandCall, reply: InteractionReply, *, reads: bool) -> HandedCall:
        """The data of an event."""
        return cls(
            id=event.id,
            conversation=event.conversation,
            author=event.author,
            name=event.name,
            options=event.options,
            direct=event.direct,
            files=tuple(map(HandedFile.of, event.attachments)),
            target=None if event.target is None else HandedContext.of(event.target),
            at=event.at,
            reads=reads,
            reply=reply,
        )

    def event(self, target: ContextMessage | None, earlier: Reader | None) -> CommandCall:
        """The event again; `target` has the reader of its thread, and `earlier` reads the
        channel."""
        return CommandCall(
            self.id,
            self.conversation,
            self.author,
            self.name,
            self.options,
            direct=self.direct,
            attachments=tuple(file.attachment() for file in self.files),
            target=target,
            at=self.at,
            earlier=earlier,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedDeletion:
    """A `MessageDeleted`; it comes after the message, to whoever has that."""

    __pydantic_config__ = ConfigDict(extra="forbid")
    kind: Literal["deletion"] = "deletion"
    id: str
    conversation: ConversationKey
    author: Author
    of_message: str
    at: datetime

    @classmethod
    def of(cls, event: MessageDeleted) -> HandedDeletion:
        """The data of an event."""
        return cls(
            id=event.id,
            conversation=event.conversation,
            author=event.author,
            of_message=event.of,
            at=event.at,
        )

    def event(self) -> MessageDeleted:
        """The event again."""
        return MessageDeleted(self.id, self.conversation, self.author, self.of_message, at=self.at)


Handed: TypeAlias = HandedMessage | HandedCall | HandedDeletion

_HANDED: Final[TypeAdapter[Handed]] = TypeAdapter(Annotated[Handed, Field(discriminator="kind")])


def encode(handed: Handed) -> Mapping[str, Any]:
    """An event as JSON can hold it."""
    return {"format": FORMAT, "event": _HANDED.dump_python(handed, mode="json")}


def decode(payload: Mapping[str, Any]) -> Handed:
    """The event that `encode` wrote. Raises `UnknownFormat` for that of another version."""
    if payload.get("format") != FORMAT:
        raise UnknownFormat(f"an event of format {payload.get('format')!r}, not {FORMAT}")
    try:
        return _HANDED.validate_python(payload.get("event"))
    except ValidationError as exc:
        wrong = sorted({".".join(map(str, error["loc"])) for error in exc.errors()})
        raise UnknownFormat(f"an event with unknown parts: {', '.join(wrong)}"[:500]) from None
