"""What an adapter is, what it may ask of the core, and where a reply goes.

An adapter turns a platform's payload into an `Event`, hands it over with a `Sink`, and knows
nothing of skills, models or history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.command import Command
from bot.events import Event
from bot.types import Author, ConversationKey, Limits, View


class Sink(Protocol):
    """One reply on one platform.

    Delivery calls `start` once, then `update` at most once per `limits.edit_interval_s`, and
    `finish` exactly once with the last view, whatever happened. A call may take as long as the
    platform makes it wait: while it does, newer views replace each other and only the latest is
    sent. An exception out of `start` or `update` does not end the answer: `finish` is still called
    and must try to get the whole text out another way (a new message, say).

    A last view that is "cancelled" and holds neither text nor notices means that the question was
    deleted: what was shown of the answer is taken away.
    """

    @property
    def limits(self) -> Limits: ...

    async def start(self, view: View) -> None: ...

    async def update(self, view: View) -> None: ...

    async def finish(self, view: View) -> None: ...


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """How the bot behaves in one channel: config.yaml, then what an admin set at run time."""

    thread_per_mention: bool = True
    follow_up: bool = True
    """Answer in a thread that the bot has joined without being mentioned."""
    knowledge_base: str | None = None
    persona: str = ""
    file_over_chars: int = 6000
    """An answer longer than this is also attached as a file."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The platform's messages that make up the answer of one turn, kept across restarts.

    `address` is the adapter's own: whatever it needs to find and edit the messages again.
    """

    turn: str
    platform: str
    conversation: str
    address: Mapping[str, str]
    finished: bool = False


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


class Replies(Protocol):
    """Remembers replies, so that buttons and repairs survive a restart."""

    async def save(self, reply: Reply) -> None:
        """Insert, or replace the one of the same turn."""
        ...

    async def get(self, turn: str) -> Reply | None: ...

    async def unfinished(self, platform: str) -> Sequence[Reply]:
        """Replies that were being written when the process ended.

        One of which nothing was shown yet has no address: what is to say goes where its
        conversation is.
        """
        ...

    async def known_thread(self, conversation: ConversationKey) -> bool:
        """Whether the bot has answered in this thread before (it may follow up)."""
        ...


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
