"""What an adapter is, what it may ask of the core, and where a reply goes.

An adapter turns a platform's payload into an `Event`, hands it over with a `Sink`, and knows
nothing of skills, models or history.
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
    """A question that was taken, perhaps by an earlier process. `turn` is its latest answer's;
    `cut_off` says that this was being written when a process ended."""

    event: str
    turn: str
    text: str
    conversation: ConversationKey
    author: Author
    cut_off: bool = False


class Core(Protocol):
    """What an adapter may ask of the core."""

    @property
    def commands(self) -> Sequence[Command]: ...

    @property
    def replies(self) -> Replies: ...

    async def accept(self, event: Event, sink: Sink) -> None:
        """Take an event; returns as soon as it is queued. The answer goes to the sink.

        An event id that was accepted before is dropped. Never raises for what a person did.
        """
        ...

    async def question(self, platform: str, event: str) -> Question | None:
        """What an event asked, also before a restart: for when it is edited or deleted."""
        ...

    async def complete(
        self, command: str, option: str, prefix: str, author: Author, conversation: ConversationKey
    ) -> Sequence[str]:
        """Suggestions for an option's value, best first, at most 25; empty where there are none."""
        ...

    async def channel_settings(self, conversation: ConversationKey) -> ChannelSettings: ...

    async def may_use(self, command: str, author: Author, conversation: ConversationKey) -> bool:
        """Whether a command's checks would let this person call it (for hiding, not safety)."""
        ...


class Adapter(Protocol):
    """One platform."""

    name: str

    async def run(self, core: Core) -> None:
        """Serve until cancelled. Returns when the platform is done (end of input).

        Reconnects by itself with backoff. Raises `AdapterError` where only an operator can help.
        """
        ...

    async def check(self) -> Sequence[str]:
        """What an operator should change, one sentence each; empty when all is well (doctor)."""
        ...


class AdapterError(Exception):
    """The platform refuses us for good; `str(exc)` says in one line which switch to flip."""


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
