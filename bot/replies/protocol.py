"""The interfaces of a platform's reply, and of the store that keeps replies across restarts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

from bot.types import ConversationKey, Limits, View


class Sink(Protocol):
    """One reply on one platform.

    Delivery calls `start` once, then `update` at most once per `limits.edit_interval_s`, and
    without a pause `finish`, exactly once with the last view, whatever happened. A call may take as
    long as the platform makes it wait: while it does, newer views replace each other and only the
    latest is sent. An exception out of `start` or `update` does not end the answer: `finish` is
    still called and must try to get the whole text out another way (a new message, say).

    A last view that is "cancelled" and holds neither text nor notices means that the question was
    deleted: what was shown of the answer is taken away. It may follow another last view, when the
    question was deleted while that was being posted.
    """

    @property
    def limits(self) -> Limits:
        """What the platform allows."""
        ...

    async def start(self, view: View) -> None:
        """Post the reply for the first time."""
        ...

    async def update(self, view: View) -> None:
        """Edit the reply so that it shows a newer view."""
        ...

    async def finish(self, view: View) -> None:
        """Show the final view, and release what the reply holds."""
        ...


@runtime_checkable
class PacedSink(Sink, Protocol):
    """A sink whose edits wait for those of other replies.

    Before each `update` Delivery asks for it, and then sends the view as it is when it is granted.
    """

    def next_edit(self) -> asyncio.Future[None]:
        """Ask for the next edit; the future is done when it may be made, and may be cancelled."""
        ...


Arrival = Literal["arrived", "failed", "refused", "unknown"]
"""What became of an announcement. `failed`: another try may succeed. `refused`: the platform would
refuse it again. `unknown`: it may stand there, and nothing tells; it must not be sent again."""


@runtime_checkable
class AnnouncingSink(Sink, Protocol):
    """A sink that can show a whole reply once, whatever becomes of the process meanwhile."""

    async def announce(self, view: View, key: str, *, since: datetime | None) -> Arrival:
        """Show a whole reply, instead of `start` and `finish`. The same `key` again, also in
        another process, is the same reply; `since` is when it was tried first, None if it never
        was."""
        ...


@runtime_checkable
class RestoringSink(Sink, Protocol):
    """A sink that can show the last view of a reply whose process has ended."""

    async def restore(self, view: View) -> bool:
        """Show a whole reply in place of what that process left of it, instead of `start` and
        `finish`. Where the platform can tell that it stands there already, it is not shown twice.
        Returns whether it arrived."""
        ...


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
    """Stores replies, so that buttons work and unfinished replies are repaired after a restart."""

    def may_write(self) -> bool:
        """Whether this process may change what stands on platforms. One that stood still for long
        may not before it knows that no other process has taken over."""
        ...

    async def until_it_may_write(self) -> None:
        """Wait until `may_write`; called before each call that changes something."""
        ...

    async def save(self, reply: Reply) -> None:
        """Store a reply, or replace the one of the same turn."""
        ...

    async def get(self, turn: str) -> Reply | None:
        """Return the reply of a turn, by the turn's id."""
        ...

    async def unfinished(self, platform: str) -> Sequence[Reply]:
        """Return the replies that were not finished when the process ended.

        A reply of which nothing was shown yet has an empty address; a note about it goes to its
        conversation.
        """
        ...

    async def written_elsewhere(self, platform: str) -> Sequence[Reply]:
        """Return the replies that other processes on the same database are writing."""
        ...

    async def known_thread(self, conversation: ConversationKey) -> bool:
        """Whether the bot has answered in this thread."""
        ...

    async def takes_part(self, conversation: ConversationKey) -> bool:
        """Whether the bot answers or has answered in this thread, and so does it without a
        mention."""
        ...
