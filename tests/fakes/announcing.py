"""A platform on which a message with the same key is the same message, and what it shows."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.adapters.protocol import Core
from bot.commands.checks import Asker
from bot.errors import Failed, Refused
from bot.events import ContextMessage, Reader
from bot.replies.protocol import Arrival
from bot.types import Author, ConversationKey, View
from tests.fakes.sink import RecordingSink

Shown = tuple[ConversationKey, str, str]
"""Where, whom (empty: everybody), and what was read there, with what the bot says beside."""


@dataclass
class KeyedPlatform:
    """`left` are people who are not there any more, `down` says that it cannot be reached, and
    `arrivals` what becomes of the next messages."""

    name: str = "test"
    left: set[str] = field(default_factory=set)
    down: bool = False
    arrivals: list[Arrival] = field(default_factory=list)
    shown: dict[str, Shown] = field(default_factory=dict)
    turns: list[RecordingSink] = field(default_factory=list)
    zones: dict[str, str] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def open_reply(
        self, conversation: ConversationKey, audience: Author | None, *, turn: str
    ) -> KeyedSink:
        if self.down:
            raise Failed("The platform cannot be reached.")
        if conversation.channel == "closed":
            raise Refused("I may not write in this channel.")
        sink = KeyedSink()
        sink.platform, sink.place, sink.audience = self, conversation, audience
        self.turns.append(sink)
        return sink

    async def asker_now(self, person: str, place: ConversationKey) -> Asker | None:
        if person in self.left or place.channel == "secret":
            return None
        platform, _, ident = person.partition(":")
        return Asker(Author(platform, ident, ident.title()), place)

    async def find_channel(self, near: ConversationKey, name: str) -> ConversationKey | None:
        known = name in {"ops", "closed", "secret"}
        return ConversationKey(near.platform, near.workspace, name) if known else None

    async def time_zone_of(self, person: str) -> str:
        return self.zones.get(person, "")

    def reader_of(self, conversation: ConversationKey) -> Reader:
        async def read(limit: int) -> Sequence[ContextMessage]:
            return [ContextMessage("Bob", f"said in {conversation.channel}")]

        return read

    async def run(self, core: Core) -> None:
        await asyncio.Event().wait()

    async def channels_of(self, person: str, channels: Collection[str]) -> frozenset[str]:
        return frozenset()

    async def role_problem(self, roles: Collection[str]) -> str | None:
        return None

    @property
    def texts(self) -> list[str]:
        """What was read, in order."""
        return [text for _, _, text in self.shown.values()]

    async def until(self, number: int, within_s: float = 60.0) -> list[str]:
        """Wait for so many messages; what was read."""
        async with asyncio.timeout(within_s):
            while len(self.shown) < number:
                self.changed.clear()
                await self.changed.wait()
        return self.texts


@dataclass
class KeyedSink(RecordingSink):
    """One reply on it."""

    platform: KeyedPlatform = field(init=False)
    place: ConversationKey = field(init=False)
    audience: Author | None = field(init=False)

    async def announce(self, view: View, key: str, *, since: datetime | None) -> Arrival:
        arrival = self.platform.arrivals.pop(0) if self.platform.arrivals else "arrived"
        if arrival == "arrived":
            self._show(key, view)
        return arrival

    async def finish(self, view: View) -> None:
        self._show(f"{len(self.platform.shown)}", view)
        await super().finish(view)

    def _show(self, key: str, view: View) -> None:
        whom = self.audience.key if self.audience is not None else ""
        lines = [view.heading, view.text, *(notice.text for notice in view.notices)]
        self.platform.shown.setdefault(key, (self.place, whom, "\n".join(filter(None, lines))))
        self.platform.changed.set()
