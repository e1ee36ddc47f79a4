"""What a process has in common with the others on its database, or has alone on a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import structlog

from bot.errors import StorageError
from bot.processes.leases import Leases, OwnLeases, SharedLeases, held
from bot.processes.membership import Membership
from bot.processes.peers import Peers
from bot.processes.shared_lanes import SharedLanes
from bot.storage.address import ServerAddress
from bot.storage.database import Database

log = structlog.get_logger(__name__)

Role: TypeAlias = Literal["all", "front", "worker"]
"""What a process does: receive events (`front`), answer those that fronts give it (`worker`), or
both."""
ROLE: Final = "role"
"""By which name a process tells the others its role."""
HOUSEKEEPING: Final = "housekeeping"
"""The lease of what is done once for all: old rows, schedules of documents, dead processes."""
DUTY_EVERY_S: Final = 30.0
"""How often a duty is done that nobody has called for, in seconds."""


@dataclass(frozen=True, slots=True)
class Crew:
    """The processes that share a database. Where this one is alone, `membership`, `lanes` and
    `peers` are None, and it has every lease."""

    leases: Leases = field(default_factory=OwnLeases)
    membership: Membership | None = None
    lanes: SharedLanes | None = None
    peers: Peers | None = None
    role: Role = "all"

    @property
    def shared(self) -> bool:
        """Whether there may be others."""
        return self.membership is not None

    @property
    def accompanied(self) -> bool:
        """Whether there are others now."""
        return self.membership is not None and bool(self.membership.others)

    @property
    def divided(self) -> bool:
        """Whether any of them is a front or a worker, so that the questions of a place may come to
        several."""
        told = self.membership.told(ROLE) if self.membership is not None else ()
        return any(role != "all" for role in (self.role, *told))

    def leads(self, platform: str) -> bool:
        """Whether it is this process that does for a platform what one alone does."""
        return self.leases.holds(platform_lease(platform))


def platform_lease(platform: str) -> str:
    """The name of the lease of what one process does for a platform."""
    return f"platform:{platform}"


@asynccontextmanager
async def open_crew(database: Database, role: Role = "all") -> AsyncIterator[Crew]:
    """Join the processes on this database with a role, and leave them at the end; a file has but
    one. Raises `StorageError`."""
    if not isinstance(database.address, ServerAddress):
        yield Crew()
        return
    membership = Membership(database)
    leases, lanes, peers = SharedLeases(database), SharedLanes(database), Peers(database)
    membership.mourn(leases.look_again)
    membership.mourn(lambda: lanes.move(None))
    membership.tell(ROLE, lambda: role)
    await membership.join()
    beating = asyncio.create_task(membership.run(), name="process: beating")
    try:
        yield Crew(leases, membership, lanes, peers, role)
        await lanes.close()
    finally:
        await peers.close()
        beating.cancel()
        await asyncio.wait([beating])
        with suppress(StorageError):  # it may be taken for dead, or the database be away
            await membership.leave()


class Duty:
    """What the process with a lease does again and again: when it is called for, and at
    intervals."""

    def __init__(self, leases: Leases, name: str, work: Callable[[], Awaitable[None]]) -> None:
        self._leases = leases
        self._name = name
        self._work = work
        self._called = asyncio.Event()

    def call(self) -> None:
        """Have it done soon."""
        self._called.set()

    async def run(self) -> None:
        """Do it whenever this process has the lease, until cancelled."""
        async with held(self._leases, self._name):
            while True:
                self._called.clear()
                try:
                    await self._work()
                except StorageError as error:  # it may be back by the next time
                    log.warning("duty.failed", duty=self._name, reason=str(error))
                except Exception:  # the next time may go well
                    log.exception("duty.failed", duty=self._name)
                with suppress(TimeoutError):
                    async with asyncio.timeout(DUTY_EVERY_S):
                        await self._called.wait()
