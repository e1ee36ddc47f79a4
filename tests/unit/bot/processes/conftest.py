"""Processes of one bot, as several databases opened on one server within a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass

import pytest
from sqlalchemy import text

from bot.errors import StorageError
from bot.processes.leases import SharedLeases
from bot.processes.membership import Membership
from bot.processes.shared_lanes import SharedLanes
from bot.storage.address import ServerAddress
from bot.storage.database import Database
from tests.fakes.postgresql import PostgresqlServer

BEAT_S = 0.1
LIFETIME_S = 60.0


@dataclass
class Process:
    """One process: what it has open, and a way to have it stand still as SIGSTOP does."""

    database: Database
    membership: Membership
    leases: SharedLeases
    lanes: SharedLanes
    beating: asyncio.Task[None]

    async def stand_still(self) -> None:
        """Beat no more, without a word."""
        self.beating.cancel()
        await asyncio.wait([self.beating])

    async def have_stood_still(self) -> None:
        """Beat no more, and not have done so for longer than a process is taken for alive."""
        await self.stand_still()
        long_ago = text("UPDATE processes SET beat_at = 0 WHERE id = :id")
        await self.database.write(
            lambda connection: connection.execute(long_ago, {"id": self.membership.id}) and None
        )
        self.membership._heard -= LIFETIME_S


@pytest.fixture
def address(postgresql: PostgresqlServer) -> ServerAddress:
    """The database that the processes share."""
    return postgresql.create()


@pytest.fixture
async def begin(address: ServerAddress) -> AsyncIterator[Callable[[], Awaitable[Process]]]:
    """Begins one more process."""
    async with AsyncExitStack() as stack:

        async def begin() -> Process:
            database = await Database.open(address)
            stack.push_async_callback(database.close)
            membership = Membership(database, beat_s=BEAT_S, lifetime_s=LIFETIME_S)
            leases, lanes = SharedLeases(database), SharedLanes(database)
            membership.mourn(leases.look_again)
            membership.mourn(lambda: lanes.move(None))
            await membership.join()
            beating = asyncio.create_task(membership.run())
            process = Process(database, membership, leases, lanes, beating)
            stack.push_async_callback(_end, process)
            return process

        yield begin


async def _end(process: Process) -> None:
    await process.stand_still()
    await process.lanes.close()
    with suppress(StorageError):
        await process.membership.leave()
