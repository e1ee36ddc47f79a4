"""The events that an adapter sends to the core: messages, commands, buttons and deletions.

All are frozen.
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
    """A file that came with a message.

    `size` is in bytes. `await read(limit)` fetches the file, at most `limit` bytes, and may raise a
    `UserFacingError`. `text` and `title` are set if the file was read before, when a question is
    answered again.
    """

    name: str
    size: int
    content_type: str | None
    read: Callable[[int], Awaitable[bytes]] = field(compare=False, repr=False)
    text: str | None = field(default=None, repr=False)
    title: str = ""


@dataclass(frozen=True, slots=True)
class ContextMessage:
    """An earlier message of the platform that gives context, e.g. the one that is replied to.

    `id` is the id that the event of this message has or would have. `replies` reads the thread that
    belongs to the message, including the message; None if there is no thread or the platform cannot
    tell. `by` is the `Author.key` of the person who wrote it, empty if unknown. `from_us` says that
    the bot wrote it.
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
"""`await reader(limit)`: fetches the newest `limit` messages of a channel or thread, oldest first.

Messages of other bots are left out. An adapter offers a reader only for what the person who asks
may read. Raises a `UserFacingError` that says what to change if the platform denies the bot access.
"""


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a person to the bot, in free text.

    `earlier` reads the messages of the channel or thread before this one; None if the platform
    cannot do that.
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
    occasion: str = ""
    """Why it is asked although nobody has written it just now, as stands above the answer: on a
    schedule. Then a person has to approve all that is done for it. Empty for what they wrote."""
    model: str = ""
    """The model that answers this one question, where the skill asks any; empty for the one that is
    chosen here. Whoever names one must be allowed to choose it for themselves."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", repair_surrogates(self.text))


@dataclass(frozen=True, slots=True)
class CommandCall:
    """A command that a person called.

    A platform with typed options fills `options`; one with text fills `text` (what follows the
    command's name), which the router parses. `target` is the message whose context menu was used.
    `earlier` reads the messages of the channel or thread before the call; None if the platform
    cannot do that.
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
    occasion: str = ""
    """Why it is asked although nobody has written it just now, as stands above the answer: on a
    schedule. Then a person has to approve all that is done for it. Empty for what they wrote."""
    model: str = ""
    """The model that answers this one question, where the skill asks any; empty for the one that is
    chosen here. Whoever names one must be allowed to choose it for themselves."""
    accepts: tuple[str, int, int] | None = None
    """The call of a tool, by its turn, step and number, that the person was offered and accepts by
    this; None for every other."""

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
    """A button below an answer that a person pressed. `turn` is the id of the answer.

    `earlier` reads the messages before the answer, for a question that is answered again.
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


ACTIONS_WITH_REPLY: frozenset[ActionName] = frozenset({"regenerate", "continue", "resume", "share"})
"""Buttons after which a turn writes a new reply; the others show a notice at most."""


@dataclass(frozen=True, slots=True)
class MessageDeleted:
    """A person deleted the message with the event id `of`; its turn is stopped."""

    id: str
    conversation: ConversationKey
    author: Author
    of: str
    at: datetime = field(default_factory=_now)


@dataclass(frozen=True, slots=True)
class AnswerDeleted:
    """Somebody who may do so deleted a message of the answer with the id `turn`, which is stopped.

    Platforms do not tell who it was. An answer that is complete stays as it is.
    """

    id: str
    conversation: ConversationKey
    turn: str
    at: datetime = field(default_factory=_now)


Event: TypeAlias = Message | CommandCall | ActionCall | MessageDeleted | AnswerDeleted
"""Whatever an adapter hands to the core."""
