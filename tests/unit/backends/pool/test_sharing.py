"""Several processes with one model server, as the server sees them."""

from __future__ import annotations

import asyncio
from typing import Any

from backends.pool.pool import Pool
from backends.pool.spec import ModelSpec
from backends.registry import load_engines
from tests.fakes.contexts import bare_context
from tests.fakes.crowded import CrowdedServer
from tests.fakes.pool_process import PoolProcesses
from tests.fakes.pools import ENGINES, LIMITS, Exchange, ask, pool_of
from tests.until import until


async def settled(server: CrowdedServer, running: int) -> None:
    """Until so many run, and no more come in the time in which they would."""
    await until(lambda: len(server.running) == running)
    await asyncio.sleep(0.05)
    assert len(server.running) == running


async def end(server: CrowdedServer, question: str) -> None:
    """Let the server answer it."""
    await server.let_go(question)
    await until(lambda: question not in server.running)


async def until_running(server: CrowdedServer, initial: str, count: int) -> None:
    """Until so many requests of people with this initial run."""
    await until(lambda: sum(each[0] == initial for each in server.running) == count)


def slots(pool: Pool) -> int:
    return pool.status("team")[0].share


def crowd(pool: Pool, person: str, count: int) -> list[asyncio.Task[str]]:
    return [asyncio.create_task(ask(pool, f"{person} {at}")) for at in range(count)]


async def test_the_first_request_at_an_idle_process_starts_before_ten_of_somebody_elsewhere() -> (
    None
):
    async with CrowdedServer(4) as server:
        one, two = pool_of(server.url), pool_of(server.url)
        async with Exchange().among(one=one, two=two):
            await server.let_go("warm", "ben")
            await asyncio.gather(ask(one, "warm 0"), ask(two, "warm 1"))
            mine = crowd(one, "ada", 10)
            await settled(server, 2)  # one is kept for newcomers here, another for those there
            assert await ask(two, "ben 0")
            assert await ask(one, "ben 1")
            first, second = server.asked("ben")
            assert not first.queued
            assert not second.queued
            assert len(server.asked("ada")) == 2
            await server.let_go("ada")
            await asyncio.gather(*mine)
            assert not any(each.queued for each in server.arrivals)


async def test_one_persons_ten_in_one_process_delay_nobody_in_another_and_a_killed_one_leaves() -> (
    None
):
    async with CrowdedServer(4) as server:
        await server.let_go("warm", "ben")
        processes = PoolProcesses("one", "two")
        await processes.start(server.url)
        try:
            for name in ("one", "two"):
                processes[name].send(ask=f"warm {name}")
                await processes[name].until_said(1)
            for at in range(10):
                processes["one"].send(ask=f"ada {at}")
            await until(lambda: server.running)
            for at in range(3):
                processes["two"].send(ask=f"ben {at}")
                await processes["two"].until_said(at + 2)
            assert not any(each.queued for each in server.arrivals)
            for at in range(10):
                processes["two"].send(ask=f"{('eve', 'eva')[at % 2]} {at}")
            await settled(server, 4)
            await processes["one"].kill()
            await until(lambda: [question[0] for question in server.running] == ["e"] * 4)
            assert not any(each.queued for each in server.arrivals)
        finally:
            await processes.end()


async def test_what_nobody_wants_is_lent_and_comes_back_as_answers_end() -> None:
    async with CrowdedServer(6) as server:
        one, two = pool_of(server.url), pool_of(server.url)
        async with Exchange().among(one=one, two=two):
            await server.let_go("warm")
            await asyncio.gather(ask(one, "warm 0"), ask(two, "warm 1"))
            theirs = [task for person in ("ada", "ann") for task in crowd(one, person, 8)]
            await settled(server, 5)
            mine = [task for person in ("ben", "bob") for task in crowd(two, person, 8)]
            await settled(server, 6)
            assert (slots(one), slots(two)) == (3, 1)
            for at in range(2):
                await end(server, next(each for each in server.running if each[0] == "a"))
                await until_running(server, "b", at + 2)
            await settled(server, 6)
            assert (slots(one), slots(two)) == (3, 3)
            await server.let_go("ben", "bob")
            await asyncio.gather(*mine)
            await settled(server, 5)
            await server.let_go("ada", "ann")
            await asyncio.gather(*theirs)
            assert not any(each.queued for each in server.arrivals)


async def test_a_process_that_is_gone_leaves_its_slots_to_the_others() -> None:
    async with CrowdedServer(4) as server:
        one, two = pool_of(server.url), pool_of(server.url)
        exchange = Exchange()
        async with exchange.among(one=one, two=two):
            await server.let_go("warm")
            await asyncio.gather(ask(one, "warm 0"), ask(two, "warm 1"))
            gone = crowd(one, "ada", 8)
            await settled(server, 2)
            mine = [task for person in ("ben", "bob") for task in crowd(two, person, 4)]
            await settled(server, 4)
            for task in gone:
                task.cancel()
            await asyncio.gather(*gone, return_exceptions=True)
            await exchange.leave("one")
            await settled(server, 4)
            assert {question[0] for question in server.running} == {"b"}
            assert two.status()[0].sharers == 0
            await server.let_go("ben", "bob")
            await asyncio.gather(*mine)


async def test_with_more_processes_than_slots_each_runs_one_and_the_server_queues_the_rest() -> (
    None
):
    async with CrowdedServer(2) as server:
        pools = {name: pool_of(server.url) for name in ("one", "two", "three")}
        async with Exchange().among(**pools):
            await server.let_go("warm")
            await asyncio.gather(*(ask(pool, f"warm {name}") for name, pool in pools.items()))
            tasks = [task for name, pool in pools.items() for task in crowd(pool, name, 5)]
            await settled(server, 2)
            assert sorted(len(server.asked(name)) for name in pools) == [1, 1, 1]
            await server.let_go(*pools)
            await asyncio.gather(*tasks)
            assert server.most_inside == 3


async def test_requests_that_find_a_slot_tell_the_others_nothing() -> None:
    async with CrowdedServer(4) as server:
        one, two = pool_of(server.url), pool_of(server.url)
        exchange = Exchange()
        async with exchange.among(one=one, two=two):
            await server.let_go("ada", "ben")
            await asyncio.gather(ask(one, "ada 0"), ask(two, "ben 0"))
            await asyncio.sleep(0.05)
            before = exchange.told
            for at in range(40):
                await asyncio.gather(ask(one, f"ada {at}"), ask(two, f"ben {at}"))
            await asyncio.sleep(0.05)
            assert exchange.told == before


async def test_a_full_server_does_not_make_every_request_be_told() -> None:
    async with CrowdedServer(4) as server:
        one, two = pool_of(server.url), pool_of(server.url)
        exchange = Exchange()
        async with exchange.among(one=one, two=two):
            await server.let_go("warm")
            await asyncio.gather(ask(one, "warm 0"), ask(two, "warm 1"))
            tasks = [task for p in ("ada", "ann") for task in crowd(one, p, 15)]
            tasks += [task for p in ("ben", "bob") for task in crowd(two, p, 15)]
            await until(lambda: len(server.running) == 4)
            while (slots(one), slots(two)) != (2, 2):  # whoever was first holds three
                await end(server, server.running[0])
                await until(lambda: len(server.running) == 4)
                await asyncio.sleep(0.05)
            before = exchange.told
            for _ in range(20):
                await end(server, server.running[0])
                await until(lambda: len(server.running) == 4)
            await asyncio.sleep(0.05)
            assert exchange.told == before
            await server.let_go("ada", "ann", "ben", "bob")
            await asyncio.gather(*tasks)


async def test_a_process_that_has_not_asked_the_server_learns_its_slots_from_the_others() -> None:
    async with CrowdedServer(12) as server:
        knows, guesses = pool_of(server.url), pool_of(server.url)
        async with Exchange(interval_s=0.02).among(knows=knows, guesses=guesses):
            await until(lambda: (slots(knows), slots(guesses)) == (2, 2))  # four are assumed
            await knows.capabilities("team")
            await until(lambda: (slots(knows), slots(guesses)) == (6, 6))
            assert {status.slots for pool in (knows, guesses) for status in pool.status()} == {12}
            assert {s.sharers for pool in (knows, guesses) for s in pool.status()} == {1}


async def test_two_models_of_one_process_at_the_same_server_have_one_share() -> None:
    async with CrowdedServer(6) as server:
        entry = {"backend": "openai_compatible", "url": f"{server.url}/v1", "model": "tiny"}
        both = {name: ModelSpec.model_validate(entry) for name in ("team", "other")}
        one = Pool(both, ENGINES, bare_context(), LIMITS)
        two = pool_of(server.url)
        async with Exchange(interval_s=0.05).among(one=one, two=two):
            await server.let_go("warm")
            await asyncio.gather(ask(one, "warm 0"), ask(two, "warm 1"))
            tasks = [task for person in ("ada", "ann") for task in crowd(one, person, 4)]
            await settled(server, 5)
            eve = [asyncio.create_task(ask(one, "eve 0", model="other"))]
            await settled(server, 6)  # a model has one slot at least
            await server.let_go("ada", "ann")
            await asyncio.gather(*tasks)
            await until(lambda: one.status("other")[0].share <= 3)  # what they had is given back
            eve += [asyncio.create_task(ask(one, f"eve {n}", model="other")) for n in (1, 2)]
            await until(lambda: len(server.asked("eve")) == 2)  # one is kept for newcomers
            await server.let_go("eve")
            await asyncio.gather(*eve)
            assert not any(each.queued for each in server.arrivals)


def test_only_servers_are_shared_and_their_names_tell_no_address() -> None:
    url = "http://ada:secret@127.0.0.1:9/v1"
    models = {
        "asked": {"backend": "openai_compatible", "url": url, "model": "tiny"},
        "same": {"backend": "openai_compatible", "url": "http://127.0.0.1:9/v1/", "model": "tiny"},
        "another": {"backend": "openai_compatible", "url": url, "model": "large"},
        "started": {"backend": "openai_compatible", "command": ["llama-server"]},
        "within": {"backend": "scripted"},
        "beside": {"backend": "ollama", "model": "tiny"},
    }
    engines = load_engines(["openai_compatible", "ollama", "scripted"])
    specs = {name: ModelSpec.model_validate(entry) for name, entry in models.items()}
    pool = Pool(specs, engines, bare_context())
    told = pool.sharing.tell()
    assert len(told) == 3
    assert not any("127" in name or "secret" in name or "tiny" in name for name in told)


async def test_what_cannot_be_read_of_another_process_is_left_out() -> None:
    pool = pool_of("http://127.0.0.1:9")
    told = pool.sharing.tell()
    odd: dict[str, Any] = {
        "one": None,
        "two": {"elsewhere": {}},
        "three": dict.fromkeys(told, "much"),
        "me": told,
    }
    pool.sharing.hear(odd, "me")
    assert pool.status()[0].sharers == 1  # it is there, whatever it wants
    pool.sharing.hear({"me": told}, "me")
    assert (pool.status()[0].sharers, slots(pool)) == (0, 4)
    await pool.aclose()
