"""What a platform gives for one reply, and what remembers replies across restarts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.types import ConversationKey, Limits, View


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
class Reply:
    """The platform's messages that make up the answer of one turn, kept across restarts.

    `address` is the adapter's own: whatever it needs to find and edit the messages again.
    """

    turn: str
    platform: str
    conversation: str
    address: Mapping[str, str]
    finished: bool = False


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
