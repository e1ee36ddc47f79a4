"""The interface between a platform adapter and the core.

An adapter turns a platform's payload into an `Event`, hands it to the core together with a `Sink`
for the reply, and knows nothing of skills, models or history.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.commands.declaration import Command
from bot.events import Event
from bot.replies.protocol import Replies, Reply, Sink
from bot.settings.values import ChannelSettings
from bot.types import Author, ConversationKey


@dataclass(frozen=True, slots=True)
class Question:
    """A question that was accepted, possibly by an earlier process.

    `turn` is the id of its latest answer; `cut_off` tells whether a process ended while that answer
    was being written.
    """

    event: str
    turn: str
    text: str
    conversation: ConversationKey
    author: Author
    cut_off: bool = False


class Core(Protocol):
    """What an adapter may call of the core."""

    @property
    def commands(self) -> Sequence[Command]:
        """The commands of all loaded plugins, without those that are off everywhere."""
        ...

    @property
    def replies(self) -> Replies:
        """The stored addresses of replies, by turn."""
        ...

    async def accept(self, event: Event, sink: Sink) -> None:
        """Take an event; returns as soon as it is queued. The answer goes to the sink.

        An event id that was accepted before is dropped. Never raises for what a person did.
        """
        ...

    async def question(self, platform: str, event: str) -> Question | None:
        """The stored question of an event, for when it is edited or deleted; None if unknown.

        Questions of earlier processes are found, too.
        """
        ...

    async def complete(
        self,
        command: str,
        option: str,
        prefix: str,
        author: Author,
        conversation: ConversationKey,
        *,
        direct: bool = False,
    ) -> Sequence[str]:
        """Suggestions for an option's value, best first, at most 25; empty where there are none.
        `direct` says that the conversation is a direct message."""
        ...

    async def channel_settings(self, conversation: ConversationKey) -> ChannelSettings:
        """The settings that are in force in a conversation's channel."""
        ...

    async def commands_for(
        self, author: Author, conversation: ConversationKey, *, direct: bool = False
    ) -> Sequence[Command]:
        """The commands that this person may use here; the others are not listed to them."""
        ...

    async def may_use(
        self, command: str, author: Author, conversation: ConversationKey, *, direct: bool = False
    ) -> bool:
        """Whether this person may use a command here (for hiding: `accept` asks again)."""
        ...


class Adapter(Protocol):
    """A chat platform: receives events, and shows replies."""

    name: str

    async def run(self, core: Core) -> None:
        """Serve until cancelled. Returns when the platform is done (end of input).

        Reconnects by itself with backoff. Raises `AdapterError` where only an operator can help.
        """
        ...

    async def check(self) -> Sequence[str]:
        """Check tokens and permissions for `parlance doctor`, without changing anything.

        Returns what the operator should change, one sentence each; empty when all is well.
        """
        ...


class AdapterError(Exception):
    """The platform refuses the bot permanently; `str(exc)` tells the operator what to change."""


__all__ = [
    "Adapter",
    "AdapterError",
    "ChannelSettings",
    "Core",
    "Question",
    "Replies",
    "Reply",
    "Sink",
]
