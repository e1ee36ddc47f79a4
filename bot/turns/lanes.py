"""Queues turns by conversation, in lanes: a turn that reads the conversation waits for all before
it, and all behind it wait for it; others run side by side, and are stored in their order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

_UNNOTICED_WAIT_S = 0.05


class LaneTicket(Protocol):
    """A place in a lane, as `Ticket` has it."""

    @property
    def position(self) -> int:
        """The number of tickets that it waits for, as far as that is known; 0: it may run."""
        ...

    async def wait(self, report: Callable[[int], None]) -> bool:
        """Wait until it may run, and report its position; returns whether it has reported one."""
        ...

    def let_pass(self) -> None:
        """Say that the question is stored."""
        ...

    def leave(self) -> None:
        """Leave the lane."""
        ...


class Ticket:
    """A place in a lane. Its holder must call `leave` at the end, also after an error; calling it
    twice is harmless.

    `alone` says that no other ticket of the lane may run beside this one.
    """

    def __init__(self, lanes: Lanes, key: str, alone: bool = True) -> None:
        self.alone = alone
        self.stored = False
        """Whether its question is stored, so that those behind it may be stored."""
        self._lanes = lanes
        self._key = key
        self._moved = asyncio.Event()

    @property
    def position(self) -> int:
        """The number of tickets that this one waits for; 0 means that it may run."""
        return self._lanes.position(self._key, self)

    async def wait(self, report: Callable[[int], None]) -> bool:
        """Wait until this ticket may run, and report its position each time it changes.

        Returns whether it has reported one, which it does not if the wait is shorter than a person
        would notice.
        """
        reported = False
        with suppress(TimeoutError):
            async with asyncio.timeout(_UNNOTICED_WAIT_S):
                while self.position:
                    self._moved.clear()
                    await self._moved.wait()
        while position := self.position:
            self._moved.clear()
            report(position)
            reported = True
            await self._moved.wait()
        return reported

    def let_pass(self) -> None:
        """Say that the question is stored: a ticket that may run beside this one now may."""
        if not self.stored:
            self.stored = True
            self._lanes.move(self._key)

    def leave(self) -> None:
        """Leave the lane, so that the next ticket moves up."""
        self._lanes.leave(self._key, self)

    def move(self) -> None:
        """Wake this ticket, because one before it left."""
        self._moved.set()


class Lanes:
    """All lanes with at least one ticket; an empty lane is removed."""

    def __init__(self) -> None:
        self._lanes: dict[str, deque[Ticket]] = {}

    def __len__(self) -> int:
        return len(self._lanes)

    def length(self, key: str) -> int:
        """The number of tickets in a lane, including the one that runs."""
        return len(self._lanes.get(key, ()))

    def enter(self, key: str, *, alone: bool = True) -> Ticket:
        """Add a ticket at the end of the lane `key`."""
        ticket = Ticket(self, key, alone)
        self._lanes.setdefault(key, deque()).append(ticket)
        return ticket

    def position(self, key: str, ticket: Ticket) -> int:
        """The number of tickets in its lane that a ticket waits for."""
        lane = self._lanes[key]
        before = (lane[at] for at in range(lane.index(ticket)))
        return sum(ticket.alone or other.alone or not other.stored for other in before)

    def leave(self, key: str, ticket: Ticket) -> None:
        """Remove a ticket from its lane, and wake those behind it."""
        lane = self._lanes.get(key)
        if lane is None or ticket not in lane:
            return
        lane.remove(ticket)
        if not lane:
            del self._lanes[key]
        self.move(key)

    def move(self, key: str) -> None:
        """Wake the tickets of a lane, because one of them may run now."""
        for ticket in self._lanes.get(key, ()):
            ticket.move()
