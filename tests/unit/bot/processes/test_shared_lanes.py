"""One turn at a time in a conversation, in whichever process, in the order in which they came."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import sqlalchemy as sa

from bot.processes.shared_lanes import SharedTicket
from bot.processes.tables import lane_tickets, lanes
from tests.unit.bot.processes.conftest import Process
from tests.until import PATIENCE_S, until

Begin = Callable[[], Awaitable[Process]]
PLACE = "slack:T1:C1"


def ignore(position: int) -> None:
    """What a ticket reports is not looked at."""


async def test_turns_of_a_conversation_run_one_after_the_other_in_all_processes(
    begin: Begin,
) -> None:
    crew = [await begin() for _ in range(3)]
    running = 0
    order: list[int] = []

    async def run(number: int, ticket: SharedTicket) -> None:
        nonlocal running
        await ticket.wait(ignore)
        running += 1
        assert running == 1
        order.append(number)
        await asyncio.sleep(0.01)
        running -= 1
        ticket.leave()

    tasks = []
    for number in range(24):
        ticket = crew[number % 3].lanes.enter(PLACE)
        tasks.append(asyncio.create_task(run(number, ticket)))
        await asyncio.shield(ticket._taking)  # so that it is known which came first
    await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE_S)
    assert order == list(range(24))
    for one in crew:
        await one.lanes.close()
        await one.database.write(lambda _: None)  # and what goes along with the next write
    async with crew[0].database.read() as connection:
        assert await connection.scalar(sa.select(sa.func.count()).select_from(lanes)) == 0
        assert await connection.scalar(sa.select(sa.func.count()).select_from(lane_tickets)) == 0


async def test_many_that_enter_at_once_are_in_one_order(begin: Begin) -> None:
    crew = [await begin() for _ in range(3)]
    running = 0

    async def run(process: Process) -> None:
        nonlocal running
        ticket = process.lanes.enter(PLACE)
        await ticket.wait(ignore)
        running += 1
        assert running == 1
        await asyncio.sleep(0)
        running -= 1
        ticket.leave()

    await asyncio.wait_for(
        asyncio.gather(*(run(process) for process in crew for _ in range(20))), PATIENCE_S
    )


async def test_those_that_read_nothing_run_side_by_side_once_the_first_is_stored(
    begin: Begin,
) -> None:
    one, two = await begin(), await begin()
    first = one.lanes.enter(PLACE, alone=False)
    await first.wait(ignore)
    second = two.lanes.enter(PLACE, alone=False)
    waiting = asyncio.create_task(second.wait(ignore))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    first.let_pass()
    await asyncio.wait_for(waiting, PATIENCE_S)
    first.leave()
    second.leave()


async def test_the_next_runs_when_the_process_of_the_first_dies(begin: Begin) -> None:
    one, two = await begin(), await begin()
    first = one.lanes.enter(PLACE)
    await first.wait(ignore)
    second = two.lanes.enter(PLACE)
    positions: list[int] = []
    waiting = asyncio.create_task(second.wait(positions.append))
    await until(lambda: positions == [1])
    await one.have_stood_still()
    assert await asyncio.wait_for(waiting, PATIENCE_S)
    second.leave()
