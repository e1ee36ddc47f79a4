"""What one process at a time does: it takes a lease, which ends with it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
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

    async def take(self, *names: str) -> None:
        """Wait until this process has all of these leases at once; it has them until they were
        given back as often as they were taken, or it ends."""

    async def give_back(self, *names: str) -> None:
        """Have them no longer, unless another task of this process has them as well."""


class OwnLeases:
    """The leases of a process that is the only one: it has them all."""

    def holds(self, name: str) -> bool:
        """Always."""
        return True

    async def take(self, *names: str) -> None:
        """They are here."""

    async def give_back(self, *names: str) -> None:
        """Nobody else wants them."""


class SharedLeases:
    """Leases in the table `leases`, for the process that `Database.process` names."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held: set[str] = set()
        self._takers: Counter[str] = Counter()
        self._freed = asyncio.Event()
        database.on_told(_FREED, lambda _: self._freed.set())

    def holds(self, name: str) -> bool:
        """Whether this process has the lease."""
        return name in self._held

    def look_again(self) -> None:
        """Have those who wait look at once: a process was removed."""
        self._freed.set()

    async def take(self, *names: str) -> None:
        """Wait until this process has all of these leases at once: whoever waits has none of them,
        so that two who want several never wait for each other."""
        self._takers.update(names)
        try:
            while not await self._try(names):
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await self._freed.wait()
                self._freed.clear()
        except BaseException:
            await self.give_back(*names)
            raise
        if taken := set(names) - self._held:
            self._held |= taken
            log.info("leases.taken", first=min(taken), count=len(taken))

    async def _try(self, names: Sequence[str]) -> bool:
        wanted = set(names) - self._held
        if not wanted:
            return True

        def job(connection: Connection) -> bool:
            process = self._database.process
            taking = insert_into(connection, leases).on_conflict_do_nothing()
            rows = [{"name": name, "process": process} for name in sorted(wanted)]
            taken = set(connection.scalars(taking.returning(leases.c.name), rows))
            mine = leases.c.process == process
            if wanted - taken <= set(connection.scalars(select(leases.c.name).where(mine))):
                return True
            if taken:
                connection.execute(delete(leases).where(mine & leases.c.name.in_(taken)))
            return False

        try:
            return await self._database.write(job)
        except StorageError as error:  # it may be back by the next look
            log.warning("leases.not_taken", reason=str(error))
            return False

    async def give_back(self, *names: str) -> None:
        """Have them no longer, unless another task of this process has them as well."""
        self._takers.subtract(names)
        gone = {name for name in names if self._takers[name] <= 0}
        for name in gone:
            del self._takers[name]
        self._held -= gone

        def job(connection: Connection) -> None:
            mine = (leases.c.process == self._database.process) & leases.c.name.in_(gone)
            if connection.execute(delete(leases).where(mine)).rowcount:
                self._database.tell(connection, _FREED)

        if gone:
            with suppress(StorageError):  # they go with the process
                await self._database.write(job)


@asynccontextmanager
async def held(leases: Leases, *names: str) -> AsyncIterator[None]:
    """Have leases within the block, which is entered once they are taken."""
    await leases.take(*names)
    try:
        yield
    finally:
        await leases.give_back(*names)
