"""What processes want of a model server that they share, told over the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from backends.pool.pool import Pool
from bot.background import background
from bot.processes.demand_exchange import DemandExchange
from tests.fakes.crowded import CrowdedServer
from tests.fakes.pools import ask, pool_of
from tests.unit.bot.processes.conftest import Process
from tests.until import until

Begin = Callable[[], Awaitable[Process]]


@asynccontextmanager
async def pool_in(process: Process, server: CrowdedServer) -> AsyncIterator[Pool]:
    """A pool of a process, which tells the others what it wants."""
    pool = pool_of(server.url)
    exchange = DemandExchange(process.database, process.membership, pool.sharing)
    async with background(exchange.run(), "demand"):
        yield pool
    await pool.aclose()


async def test_ten_requests_in_one_process_delay_nobody_in_another(begin: Begin) -> None:
    async with CrowdedServer(4) as server, AsyncExitStack() as stack:
        first, second = await begin(), await begin()
        one, two = [
            await stack.enter_async_context(pool_in(process, server)) for process in (first, second)
        ]
        await server.let_go("warm", "ben")
        await asyncio.gather(ask(one, "warm 0"), ask(two, "warm 1"))
        await until(lambda: one.status("team")[0].share < 4)
        ten = [asyncio.create_task(ask(one, f"ada {number}")) for number in range(10)]
        await until(lambda: len(server.running) == 2)
        for number in range(3):
            assert await ask(two, f"ben {number}")
        assert not any(each.queued for each in server.arrivals)
        await second.have_stood_still()  # it dies: what it held back is for the other
        await until(lambda: one.status("team")[0].share == 4)
        await server.let_go("ada")
        await asyncio.gather(*ten)
