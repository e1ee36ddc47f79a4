"""Queues turns by conversation over all processes that share a database, as `bot.turns.lanes` does
within one: a conversation's questions may arrive at any of them.

Each ticket is a row. Their order is that in which they were stored; those of a process that died go
with it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import structlog
from sqlalchemy import Connection, func, or_, select, text, update

from bot.errors import StorageError
from bot.processes.leases import LOOK_S
from bot.processes.tables import lane_tickets
from bot.storage.database import Database

log = structlog.get_logger(__name__)

_UNNOTICED_WAIT_S: Final = 0.05
_MOVED: Final = "lane_moved"
_TAKE: Final = text(
    "WITH lane AS (INSERT INTO lanes (conversation, last) VALUES (:conversation, 1)"
    " ON CONFLICT (conversation) DO UPDATE SET last = lanes.last + 1 RETURNING last)"
    " INSERT INTO lane_tickets (conversation, number, process, alone, stored)"
    " SELECT :conversation, last, :process, :alone, false FROM lane RETURNING number"
)
# A lane that somebody enters meanwhile has another last number by the time it would be deleted.
_LEAVE_LAST: Final = text(
    "WITH gone AS"
    " (DELETE FROM lane_tickets WHERE conversation = :conversation AND number = :number)"
    " DELETE FROM lanes WHERE conversation = :conversation AND last = :number AND NOT EXISTS"
    " (SELECT 1 FROM lane_tickets WHERE conversation = :conversation AND number <> :number)"
)
# Whoever enters waits for this lock, and is seen by the statement after it.
_LOCK: Final = text("SELECT 1 FROM lanes WHERE conversation = :conversation FOR UPDATE")
_DELETE: Final = text(
    "DELETE FROM lanes WHERE conversation = :conversation AND NOT EXISTS"
    " (SELECT 1 FROM lane_tickets WHERE conversation = :conversation)"
)


class SharedTicket:
    """A place in a lane. Its holder must call `leave` at the end, also after an error; calling it
    twice is harmless."""

    def __init__(self, lanes: SharedLanes, key: str, alone: bool) -> None:
        self._lanes = lanes
        self._key = key
        self._alone = alone
        self._stored = False
        self._left = False
        self._before = 1  # nobody has looked yet
        self._moved = asyncio.Event()
        self._taking = lanes.start(self._take(), "ticket")
        self._number = 0

    @property
    def position(self) -> int:
        """The number of tickets that this one waits for, as it was last seen; 0: it may run."""
        return self._before

    async def wait(self, report: Callable[[int], None]) -> bool:
        """Wait until this ticket may run, and report its position each time it changes; returns
        whether it has reported one. Raises `StorageError`."""
        await asyncio.shield(self._taking)
        reported = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(_UNNOTICED_WAIT_S):
                while self._before:
                    await self._look_again()
        while self._before:
            if self._before != reported:
                reported = self._before
                report(reported)
            await self._look_again()
        return reported > 0

    def let_pass(self) -> None:
        """Say that the question is stored: a ticket that may run beside this one now may."""
        if not self._stored and not self._alone:
            self._stored = True
            self._lanes.start(self._let_pass(), "ticket: stored")

    def leave(self) -> None:
        """Leave the lane, so that the next ticket moves up."""
        if not self._left:
            self._left = True
            self._lanes.start(self._leave(), "ticket: left")

    def move(self) -> None:
        """Look again: one before it may have left."""
        self._moved.set()

    async def _take(self) -> None:
        values = {
            "conversation": self._key,
            "process": self._lanes.database.process,
            "alone": self._alone,
        }

        def job(connection: Connection) -> tuple[int, int]:
            number = connection.execute(_TAKE, values).scalar_one()
            if number == 1:  # the lane begins
                return number, 0
            return number, connection.scalar(self._count_before(number)) or 0

        self._number, self._before = await self._lanes.database.write(job)
        self._lanes.add(self._key, self)

    async def _look_again(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await self._moved.wait()
        self._moved.clear()  # what moves from here on is looked at next time
        async with self._lanes.database.read() as connection:
            self._before = await connection.scalar(self._count_before(self._number)) or 0

    def _count_before(self, number: int) -> Any:
        """How many tickets this one waits for."""
        tickets = lane_tickets.c
        before = select(func.count()).where(
            tickets.conversation == self._key, tickets.number < number
        )
        if self._alone:
            return before
        return before.where(or_(tickets.alone, tickets.stored.is_(False)))

    async def _let_pass(self) -> None:
        tickets = lane_tickets.c
        here = (tickets.conversation == self._key) & (tickets.number == self._number)

        def job(connection: Connection) -> None:
            connection.execute(update(lane_tickets).where(here).values(stored=True))
            self._lanes.database.tell(connection, _MOVED, self._key)

        await self._lanes.database.write(job)
        self._lanes.move(self._key)

    async def _leave(self) -> None:
        with suppress(StorageError):
            await asyncio.shield(self._taking)
        if not self._number:
            return
        values = {"conversation": self._key, "number": self._number}

        def job(connection: Connection) -> None:
            if connection.execute(_LEAVE_LAST, values).rowcount:
                return
            connection.execute(_LOCK, values)
            if not connection.execute(_DELETE, values).rowcount:  # others wait
                self._lanes.database.tell(connection, _MOVED, self._key)

        self._lanes.remove(self._key, self)
        if self._lanes.someone_waits(self._key):
            await self._lanes.database.write(job)
            self._lanes.move(self._key)
        else:  # the next one comes in a write after it
            self._lanes.database.write_along(job)


class SharedLanes:
    """The lanes in a PostgreSQL database; owns the tasks of its tickets."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._tickets: defaultdict[str, set[SharedTicket]] = defaultdict(set)
        self._tasks: set[asyncio.Task[None]] = set()
        database.on_told(_MOVED, self.move)

    def enter(self, key: str, *, alone: bool = True) -> SharedTicket:
        """Add a ticket at the end of the lane `key`."""
        return SharedTicket(self, key, alone)

    def start(self, work: Any, name: str) -> asyncio.Task[None]:
        """Run a ticket's work in a task of its own; they are begun in the order of the calls."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._end)
        return task

    def add(self, key: str, ticket: SharedTicket) -> None:
        """Have a ticket woken when its lane moves."""
        self._tickets[key].add(ticket)

    def remove(self, key: str, ticket: SharedTicket) -> None:
        """Have a ticket woken no more."""
        waiting = self._tickets.get(key)
        if waiting is not None:
            waiting.discard(ticket)
            if not waiting:
                del self._tickets[key]

    def someone_waits(self, key: str) -> bool:
        """Whether this process has a ticket in a lane."""
        return key in self._tickets

    def move(self, key: str | None) -> None:
        """Wake the tickets of a lane, or of all, because one of them may run now."""
        keys = list(self._tickets) if key is None else [key]
        for ticket in [one for key in keys for one in self._tickets.get(key, ())]:
            ticket.move()

    async def close(self) -> None:
        """Wait until the tickets that were left are stored as such."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("lane.not_stored", task=task.get_name(), reason=type(error).__name__)
