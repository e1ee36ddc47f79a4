"""Who lives, who is taken for dead, and what becomes of what they had."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import sqlalchemy as sa

from bot.processes.leases import held
from bot.processes.tables import leases, processes
from bot.settings.choices_store import SqlPreferences
from bot.storage.database_engine import UnusableError
from tests.unit.bot.processes.conftest import Process
from tests.until import PATIENCE_S, until

Begin = Callable[[], Awaitable[Process]]


async def ids(process: Process) -> set[str]:
    async with process.database.read() as connection:
        return set(await connection.scalars(sa.select(processes.c.id)))


async def test_processes_know_of_each_other_and_of_one_that_leaves(begin: Begin) -> None:
    one, two = await begin(), await begin()
    await until(lambda: two.membership.id in one.membership.others)
    await until(lambda: one.membership.id in two.membership.others)
    await two.stand_still()
    await two.membership.leave()
    await until(lambda: not one.membership.others)
    assert await ids(one) == {one.membership.id}


async def test_one_that_stands_still_is_removed_and_writes_nothing_when_it_wakes(
    begin: Begin,
) -> None:
    one, two = await begin(), await begin()
    removed = asyncio.Event()
    one.membership.mourn(removed.set)
    await two.have_stood_still()
    await asyncio.wait_for(removed.wait(), PATIENCE_S)
    assert not two.membership.may_write
    with pytest.raises(UnusableError):
        await SqlPreferences(two.database).put("model", "", "tiny", "")
    assert await SqlPreferences(one.database).get("model", "") is None
    await until(two.membership.lost.is_set)
    assert one.membership.may_write


async def test_a_lease_is_had_by_one_and_goes_on_to_another_with_its_process(begin: Begin) -> None:
    one, two = await begin(), await begin()
    await one.leases.take("platform")
    waiting = asyncio.create_task(two.leases.take("platform"))
    await asyncio.sleep(0.3)
    assert not two.leases.holds("platform")
    await one.have_stood_still()  # it dies without a word
    await asyncio.wait_for(waiting, PATIENCE_S)
    assert two.leases.holds("platform")


async def test_a_lease_that_is_given_back_is_had_by_the_next_at_once(begin: Begin) -> None:
    one, two = await begin(), await begin()
    async with held(one.leases, "platform"):
        waiting = asyncio.create_task(two.leases.take("platform"))
        await asyncio.sleep(0.2)
    await asyncio.wait_for(waiting, PATIENCE_S)
    await two.leases.give_back("platform")
    async with two.database.read() as connection:
        assert not (await connection.scalars(sa.select(leases.c.name))).all()


async def test_who_waits_for_several_leases_has_none_of_them_meanwhile(begin: Begin) -> None:
    one, two = await begin(), await begin()
    await one.leases.take("b")
    both = asyncio.create_task(two.leases.take("a", "b", "c"))
    await asyncio.sleep(0.2)
    await one.leases.take("a", "b")
    await one.leases.give_back("a", "b")
    assert one.leases.holds("b")  # it was taken twice
    assert not both.done()
    await one.leases.give_back("b")
    await asyncio.wait_for(both, PATIENCE_S)
    stopped = asyncio.create_task(one.leases.take("c"))
    await asyncio.sleep(0.1)
    stopped.cancel()
    await asyncio.wait([stopped])
    await two.leases.give_back("a", "b", "c")
    async with two.database.read() as connection:
        assert not (await connection.scalars(sa.select(leases.c.name))).all()


async def test_what_one_process_chooses_holds_in_the_other(begin: Begin) -> None:
    one, two = await begin(), await begin()
    here, there = SqlPreferences(one.database), SqlPreferences(two.database)
    assert await there.get("model", "") is None
    await here.put("model", "", "tiny", "")
    await until(lambda: there.get("model", ""), fits=lambda found: found == "tiny")


async def test_what_is_told_reaches_the_others(begin: Begin) -> None:
    one, two = await begin(), await begin()
    heard: list[str | None] = []
    two.database.on_told("stop", heard.append)
    one.database.on_told("stop", heard.append)

    async def listens() -> bool:
        await one.database.write(lambda it: one.database.tell(it, "stop", "first"))
        return "first" in heard

    await until(listens)
    await one.database.write(lambda connection: one.database.tell(connection, "stop", "turn é"))
    await until(lambda: "turn é" in heard)
    assert heard.count("turn é") == 1
