"""One lane a conversation: first come, first served, one at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import suppress

_UNNOTICED_WAIT_S = 0.05


class Ticket:
    """A place in a lane. Whoever holds it must `leave`, whatever happens; twice does no harm."""

    def __init__(self, lanes: Lanes, key: str) -> None:
        self._lanes = lanes
        self._key = key
        self._moved = asyncio.Event()

    @property
    def position(self) -> int:
        """0 is whose turn it is, 1 is next."""
        return self._lanes.position(self._key, self)

    async def wait(self) -> AsyncGenerator[int, None]:
        """Yields the position each time it changes; ends when it is this ticket's turn.

        A wait too short to be noticed yields nothing.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_UNNOTICED_WAIT_S):
                while self.position:
                    self._moved.clear()
                    await self._moved.wait()
        while position := self.position:
            self._moved.clear()
            yield position
            await self._moved.wait()

    def leave(self) -> None:
        """Make room for the next."""
        self._lanes.leave(self._key, self)

    def move(self) -> None:
        """Somebody before this ticket left."""
        self._moved.set()


class Lanes:
    """The lanes that somebody is in; an empty one is dropped."""

    def __init__(self) -> None:
        self._lanes: dict[str, deque[Ticket]] = {}

    def __len__(self) -> int:
        return len(self._lanes)

    def length(self, key: str) -> int:
        """How many are in a lane, the one whose turn it is included."""
        return len(self._lanes.get(key, ()))

    def enter(self, key: str) -> Ticket:
        """Take a place at the end of a lane."""
        ticket = Ticket(self, key)
        self._lanes.setdefault(key, deque()).append(ticket)
        return ticket

    def position(self, key: str, ticket: Ticket) -> int:
        """Where a ticket stands in its lane."""
        return self._lanes[key].index(ticket)

    def leave(self, key: str, ticket: Ticket) -> None:
        """Take a ticket out of its lane."""
        lane = self._lanes.get(key)
        if lane is None or ticket not in lane:
            return
        lane.remove(ticket)
        if not lane:
            del self._lanes[key]
        for other in lane:
            other.move()
