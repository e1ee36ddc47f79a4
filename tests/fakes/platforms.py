"""A platform that is connected, and says no to every question."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from bot.adapters.protocol import Core
from bot.commands.checks import Asker
from bot.errors import Refused
from bot.replies.protocol import Sink
from bot.types import Author, ConversationKey


class FakePlatform:
    """An adapter that hears nothing; tests override what they are about."""

    def __init__(self, name: str = "test") -> None:
        self.name = name

    async def run(self, core: Core) -> None:
        with core.connect(self):
            await asyncio.Event().wait()

    async def check(self) -> Sequence[str]:
        return ()

    async def open_reply(
        self, conversation: ConversationKey, audience: Author | None, *, turn: str
    ) -> Sink:
        raise Refused("There is nothing to write on.")

    async def asker_now(self, person: str, place: ConversationKey) -> Asker | None:
        return None

    async def channels_of(self, person: str, channels: Collection[str]) -> frozenset[str]:
        return frozenset()

    async def role_problem(self, roles: Collection[str]) -> str | None:
        return None
