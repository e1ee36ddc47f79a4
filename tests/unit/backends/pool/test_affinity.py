"""A conversation stays at one server, whichever process asks, without a word between them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from backends.pool.pool import Pool
from tests.fakes.openai import OpenAIServer
from tests.fakes.pools import Exchange, ask, pool_of
from tests.until import until

CONVERSATIONS = 48
"""So many that each server has some, also of a lost one: homes are random, as ports are."""
Homes = dict[str, set[int]]
"""By conversation, the servers that were asked."""


@asynccontextmanager
async def stage(count: int = 3) -> AsyncIterator[tuple[list[OpenAIServer], list[Pool]]]:
    """Three servers, and pools that list them in orders of their own."""
    async with OpenAIServer() as one, OpenAIServer() as two, OpenAIServer() as three:
        urls = [one.url, two.url, three.url]
        pools = [pool_of(*urls[at:], *urls[:at]) for at in range(count)]
        named = {f"process {at}": pool for at, pool in enumerate(pools)}
        async with Exchange(interval_s=0.05).among(**named):
            await asyncio.gather(*(pool.capabilities("team") for pool in pools))
            # Conversations go by the slots of the servers, which all have to know.
            await until(lambda: {each.slots for pool in pools for each in pool.status()} == {3})
            yield [one, two, three], pools


async def ask_all(servers: Sequence[OpenAIServer], pools: Sequence[Pool]) -> Homes:
    """Let every process ask in every conversation; return where that went."""
    for server in servers:
        server.seen.clear()
    for pool in pools:
        for at in range(CONVERSATIONS):
            await ask(pool, f"talk-{at} {at}", f"talk-{at}")
    homes: Homes = defaultdict(set)
    for at, server in enumerate(servers):
        for body in server.bodies("/v1/chat/completions"):
            homes[body["messages"][-1]["content"].split()[0]].add(at)
    return homes


async def until_ready(pools: Sequence[Pool]) -> None:
    def ready() -> bool:
        return all(each.state == "ready" for pool in pools for each in pool.status())

    await until(ready)


async def test_each_conversation_is_at_one_server_whichever_process_asks() -> None:
    async with stage() as (servers, pools):
        homes = await ask_all(servers, pools)
        assert len(homes) == CONVERSATIONS
        assert all(len(each) == 1 for each in homes.values())
        assert {at for each in homes.values() for at in each} == {0, 1, 2}


async def test_a_server_that_is_lost_moves_its_own_conversations_and_has_them_when_it_returns() -> (
    None
):
    async with stage(2) as (servers, pools):
        before = await ask_all(servers, pools)
        lost = servers[0]
        await lost.__aexit__()
        without = await ask_all(servers, pools)
        assert all(len(each) == 1 and 0 not in each for each in without.values())
        assert all(without[talk] == home for talk, home in before.items() if home != {0})
        assert {at for talk, home in before.items() if home == {0} for at in without[talk]} == {
            1,
            2,
        }
        async with lost:
            await until_ready(pools)
            assert await ask_all(servers, pools) == before


async def test_while_its_home_is_full_a_conversation_goes_to_one_other_whoever_asks() -> None:
    async with stage(2) as (servers, pools):
        (full,) = (await ask_all(servers, pools))["talk-0"]
        for at, pool in enumerate(pools):
            replica = pool._served("team").replicas[(full - at) % 3]
            for number in range(replica.slots):
                replica.start_request(-number, 60.0)
        for server in servers:
            server.seen.clear()
        for pool in pools:
            await ask(pool, "talk-0 again", "talk-0")
        asked = [len(server.bodies("/v1/chat/completions")) for server in servers]
        assert sorted(asked) == [0, 0, 2]
        assert not asked[full]
