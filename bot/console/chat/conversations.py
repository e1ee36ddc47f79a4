"""The conversations that stand in memory: those that somebody looks at or is answered in, and a
few more. Others are read from the history when they are opened."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from bot.console.chat.conversation import Conversation, Render
from bot.console.chat.kept_files import KeptFiles
from bot.types import ConversationKey

MAX_IDLE: Final = 200
"""Conversations that nobody looks at which are kept."""
IDLE_S: Final = 3600.0
"""How long they are kept, in seconds."""

Load = Callable[[Conversation], Awaitable[None]]
"""Adds what is stored of a conversation, and whose it is; adds nothing where nothing is stored."""


class Conversations:
    """Finds conversations by their keys; `render` writes the entries of all of them."""

    def __init__(
        self,
        load: Load,
        render: Render,
        *,
        shelf: KeptFiles | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.shelf = shelf or KeptFiles()
        self._load = load
        self._render = render
        self._clock = clock
        self._open: dict[ConversationKey, Conversation] = {}
        self._opening = asyncio.Lock()

    async def find(self, key: ConversationKey) -> Conversation | None:
        """The conversation of that key; None if there is none."""
        if (found := self._open.get(key)) is None:
            async with self._opening:
                found = self._open.get(key)
                if found is None:
                    found = self._make(key)
                    await self._load(found)
                    if not any(True for _ in found):
                        return None
                    self._open[key] = found
        found.used_at = self._clock()
        return found

    async def begin(self, key: ConversationKey, person: str = "") -> Conversation:
        """The conversation of that key, which is begun if there is none."""
        found = await self.find(key)
        if found is None:
            found = self._open.setdefault(key, self._make(key))
        found.person = found.person or person
        return found

    def get(self, key: ConversationKey) -> Conversation | None:
        """The conversation of that key, if it stands in memory."""
        return self._open.get(key)

    def fresh(self, key: ConversationKey) -> Conversation:
        """The conversation of that key as it stands in memory; a new one where all of that can be
        read again, and nobody looks at it."""
        found = self._open.get(key)
        if found is not None and (found.readers or not all(entry.stored for entry in found)):
            return found
        return self._make(key)

    def keep(self, conversation: Conversation) -> Conversation:
        """Have a conversation stand in memory, unless another one came in between; returns the one
        that does."""
        before = self._open.get(conversation.key)
        if before is not None and before is not conversation:
            if before.readers or not all(entry.stored for entry in before):
                return before
            before.close()
        self._open[conversation.key] = conversation
        conversation.used_at = self._clock()
        return conversation

    def watched(self) -> Sequence[Conversation]:
        """Those at which somebody looks."""
        return [one for one in self._open.values() if one.readers]

    def beneath(self, channel: str) -> Sequence[Conversation]:
        """Those in memory that are in a channel (`ConversationKey.scope`), the last used first."""
        own = [one for key, one in self._open.items() if key.scope("channel") == channel]
        return sorted(own, key=lambda one: one.used_at, reverse=True)

    def forget(self, person: str) -> None:
        """Give up what somebody (`Author.key`) said and was told, and what may be theirs."""
        for key, one in [*self._open.items()]:
            if one.person in (person, ""):
                del self._open[key]
                one.close()

    def end_streams(self) -> None:
        """End the streams of all."""
        for one in self._open.values():
            one.end_streams()

    def _make(self, key: ConversationKey) -> Conversation:
        self._drop_idle()
        return Conversation(key, "", self.shelf, self._render)

    def _drop_idle(self) -> None:
        idle = [(one.used_at, key) for key, one in self._open.items() if not one.busy]
        idle.sort(key=lambda pair: pair[0])
        before = self._clock() - IDLE_S
        for place, (used_at, key) in enumerate(idle):
            if used_at < before or place < len(idle) - MAX_IDLE:
                self._open.pop(key).close()
