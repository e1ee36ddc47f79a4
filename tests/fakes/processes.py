"""Processes of one bot within a test, as far as they ask each other something."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from bot.processes.membership import Membership
from bot.processes.peers import Peers
from bot.storage.address import ServerAddress
from bot.storage.database import Database


async def join(database: Database) -> Peers:
    """One more process that has the database open; its end must be closed with the others'."""
    await Membership(database).join()
    return Peers(database)


@asynccontextmanager
async def two_processes(address: ServerAddress) -> AsyncIterator[Sequence[Peers]]:
    """What each of two processes on a database asks the other by."""
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(2):
            database = await Database.open(address)
            stack.push_async_callback(database.close)
            made.append(await join(database))
            stack.push_async_callback(made[-1].close)
        yield made
