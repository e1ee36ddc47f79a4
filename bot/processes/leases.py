"""What one process at a time does: it takes a lease, which ends with it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, Protocol

import structlog
from sqlalchemy import Connection, delete, select

from bot.errors import StorageError
from bot.processes.tables import leases
from bot.storage.database import Database
from bot.storage.insert import insert_into

log = structlog.get_logger(__name__)

LOOK_S: Final = 2.0
"""How often whoever waits for another process looks, beside being told, in seconds."""
_FREED: Final = "lease_freed"


class Leases(Protocol):
    """Leases by name."""

    def holds(self, name: str) -> bool:
        """Whether this process has the lease."""

    async def keep(self, name: str) -> None:
        """Wait for the lease, and have it until cancelled or the process ends."""

    def watch(self, changed: Callable[[], None]) -> None:
        """Have something called when a lease was taken."""


class OwnLeases:
    """The leases of a process that is the only one: it has them all."""

    def holds(self, name: str) -> bool:
        """Always."""
        return True

    async def keep(self, name: str) -> None:
        """Until cancelled."""
        await asyncio.Event().wait()

    def watch(self, changed: Callable[[], None]) -> None:
        """Nothing changes."""


class SharedLeases:
    """Leases in the table `leases`, for the process that `Database.process` names."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held: set[str] = set()
        self._keepers: Counter[str] = Counter()
        self._freed = asyncio.Event()
        self._watchers: list[Callable[[], None]] = []
        database.on_told(_FREED, lambda _: self._freed.set())

    def holds(self, name: str) -> bool:
        """Whether this process has the lease."""
        return name in self._held

    def watch(self, changed: Callable[[], None]) -> None:
        """Have something called when a lease was taken."""
        self._watchers.append(changed)

    def look_again(self) -> None:
        """Have those who wait look at once: a process was removed."""
        self._freed.set()

    async def keep(self, name: str) -> None:
        """Wait for the lease, and have it until cancelled."""
        self._keepers[name] += 1
        try:
            await self._take(name)
            await asyncio.Event().wait()
        finally:
            self._keepers[name] -= 1
            if not self._keepers[name]:
                await self._give_back(name)

    async def _take(self, name: str) -> None:
        while name not in self._held and not await self._try(name):
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._freed.wait()
            self._freed.clear()
        if name in self._held:  # another task of this process has taken it meanwhile
            return
        self._held.add(name)
        log.info("lease.taken", lease=name)
        for watcher in self._watchers:
            watcher()

    async def _try(self, name: str) -> bool:
        def job(connection: Connection) -> bool:
            row = {"name": name, "process": self._database.process}
            taking = insert_into(connection, leases).on_conflict_do_nothing()
            if connection.execute(taking, row).rowcount == 1:
                return True
            having = select(leases.c.process).where(leases.c.name == name)
            return bool(connection.scalar(having) == self._database.process)

        try:
            return await self._database.write(job)
        except StorageError as error:  # it may be back by the next look
            log.warning("lease.not_taken", lease=name, reason=str(error))
            return False

    async def _give_back(self, name: str) -> None:
        self._held.discard(name)

        def job(connection: Connection) -> None:
            mine = (leases.c.name == name) & (leases.c.process == self._database.process)
            connection.execute(delete(leases).where(mine))
            self._database.tell(connection, _FREED)

        with suppress(StorageError):  # it goes with the process
            await self._database.write(job)


@asynccontextmanager
async def held(leases: Leases, name: str) -> AsyncIterator[None]:
    """Have a lease within the block, which is entered once it is taken."""
    taken = asyncio.Event()
    leases.watch(lambda: taken.set() if leases.holds(name) else None)
    keeping = asyncio.create_task(leases.keep(name), name=f"lease {name}")
    try:
        if not leases.holds(name):
            await taken.wait()
        yield
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])
