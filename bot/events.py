"""What an adapter hands over: who said or did what, where.

Frozen values only; delivery answers each with a reply of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeAlias

from bot.surrogates import repair_surrogates
from bot.types import ActionName, Author, ConversationKey, Value


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a message. `read(limit)` fetches at most `limit` bytes, or refuses.

    `text` and `title` are there where it was read before (the question is answered again).
    """

    name: str
    size: int
    content_type: str | None
    read: Callable[[int], Awaitable[bytes]] = field(compare=False, repr=False)
    text: str | None = field(default=None, repr=False)
    title: str = ""


@dataclass(frozen=True, slots=True)
class ContextMessage:
    """An earlier message of the platform that gives context: a reply chain, a thread, a target.

    `id` is what the event of that message would have as its id. `replies` reads the thread that
    hangs on the message, itself included; None where none hangs, or the platform cannot tell.
    `by` is the person who wrote it, as `Author.key`; empty where it was nobody that we know.
    """

    author: str
    text: str = field(repr=False)
    from_us: bool = False
    id: str = ""
    attachments: tuple[Attachment, ...] = ()
    replies: Reader | None = field(default=None, compare=False, repr=False)
    by: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", repair_surrogates(self.text))


Reader: TypeAlias = Callable[[int], Awaitable[Sequence[ContextMessage]]]
"""`await read(limit)`: the newest `limit` messages of a place, oldest first, without bots but us.

Nothing is fetched before it is called. An adapter offers one only for what the asker may read.
Raises a `UserFacingError` that says what to change where the platform does not let us read.
"""


@dataclass(frozen=True, slots=True)
class Message:
    """Something that a person said to the bot, in free text.

    `earlier` reads the messages of the channel or thread before this one, where that can be.
    """

    id: str
    conversation: ConversationKey
    author: Author
    text: str = field(repr=False)
    direct: bool = False
    attachments: tuple[Attachment, ...] = ()
    context: tuple[ContextMessage, ...] = ()
    at: datetime = field(default_factory=_now)
    earlier: Reader | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", repair_surrogates(self.text))


@dataclass(frozen=True, slots=True)
class CommandCall:
    """A command that a person called.

    A surface with typed options fills `options`; one with text fills `text` (what follows the
    command's name) and leaves binding it to options to the router. `earlier` reads the messages
    of the channel or thread before the call, where that can be.
    """

    id: str
    conversation: ConversationKey
    author: Author
    name: str
    options: Mapping[str, Value] = field(default_factory=dict, repr=False)
    text: str | None = field(default=None, repr=False)
    direct: bool = False
    attachments: tuple[Attachment, ...] = ()
    context: tuple[ContextMessage, ...] = ()
    target: ContextMessage | None = None
    at: datetime = field(default_factory=_now)
    earlier: Reader | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        options = {
            name: repair_surrogates(value) if isinstance(value, str) else value
            for name, value in self.options.items()
        }
        object.__setattr__(self, "options", options)
        if self.text is not None:
            object.__setattr__(self, "text", repair_surrogates(self.text))


@dataclass(frozen=True, slots=True)
class ActionCall:
    """A button under an answer that a person pressed. `turn` is the answer's turn id.

    `earlier` is for a question that is answered again: it reads what stood before the answer.
    """

    id: str
    conversation: ConversationKey
    author: Author
    action: ActionName
    turn: str
    value: str = ""
    direct: bool = False
    at: datetime = field(default_factory=_now)
    earlier: Reader | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class MessageDeleted:
    """A person deleted the message with the event id `of`: its turn is cancelled."""

    id: str
    conversation: ConversationKey
    author: Author
    of: str
    at: datetime = field(default_factory=_now)


Event: TypeAlias = Message | CommandCall | ActionCall | MessageDeleted
