"""Replicas that go away and come back while nobody asks, found out in the background."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

import pytest

from backends.base import ChatMessage, ChatRequest, Health, Sampling
from backends.errors import BackendUnavailable
from backends.pool.health_watch import HealthWatch
from backends.pool.pool import Pool
from backends.pool.replica import Replica
from backends.pool.routing import ReplicaRouter
from backends.pool.spec import ModelSpec, PoolLimits
from backends.registry import load_engines
from backends.scripted.backend import ScriptedBackend
from tests.fakes.contexts import bare_context
from tests.fakes.ollama import OllamaServer
from tests.fakes.openai import OpenAIServer
from tests.fakes.speech import Fault, SpeechServer
from tests.fakes.virtual_time import run_in_virtual_time
from tests.until import until

ENGINES = load_engines(["ollama", "openai_compatible"])
LIMITS = PoolLimits(health_interval_s=0.05, first_pause_s=20.0, longest_pause_s=60.0)
CHATS = {"ollama": "/api/chat", "openai_compatible": "/v1/chat/completions"}


def server_of(engine: str, port: int = 0) -> SpeechServer:
    server: SpeechServer = OllamaServer() if engine == "ollama" else OpenAIServer()
    server.port = port
    return server


@asynccontextmanager
async def pool_of(engine: str, *servers: SpeechServer) -> AsyncIterator[Pool]:
    path = "" if engine == "ollama" else "/v1"
    spec = ModelSpec.model_validate(
        {
            "replicas": [
                {"backend": engine, "url": f"{server.url}{path}", "model": "tiny"}
                for server in servers
            ]
        }
    )
    pool = Pool({"team": spec}, ENGINES, bare_context(), LIMITS)
    try:
        yield pool
    finally:
        await pool.aclose()


async def ask(pool: Pool, conversation: str | None = None) -> None:
    request = ChatRequest(
        (ChatMessage("user", "hello"),), Sampling(max_tokens=4), conversation=conversation
    )
    async with aclosing(pool.chat("team", request)) as chunks:
        async for _ in chunks:
            pass


@pytest.mark.parametrize("engine", CHATS)
async def test_nobody_is_sent_to_a_replica_that_went_away_and_it_comes_back_by_itself(
    engine: str,
) -> None:
    async with AsyncExitStack() as stack:
        gone = server_of(engine)
        async with gone:
            other = await stack.enter_async_context(server_of(engine))
            pool = await stack.enter_async_context(pool_of(engine, gone, other))
            for n in range(8):
                await ask(pool, f"talk {n}")
            assert gone.bodies(CHATS[engine])
            assert other.bodies(CHATS[engine])
        await until(lambda: pool.status()[0].state == "cooling")
        for n in range(8):
            await ask(pool, f"talk {n}")
        assert pool.status()[0].failed == 0, "somebody paid for finding it out"
        back = await stack.enter_async_context(server_of(engine, gone.port))
        await until(lambda: pool.status()[0].state == "ready")
        for n in range(8):
            await ask(pool, f"new talk {n}")
        assert back.bodies(CHATS[engine])


async def test_a_sole_replica_is_asked_again_as_soon_as_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It rested for as long as its pause was."""
    async with AsyncExitStack() as stack:
        async with server_of("ollama") as gone:
            pool = await stack.enter_async_context(pool_of("ollama", gone))
            await ask(pool)
        with pytest.raises(BackendUnavailable):
            await ask(pool)
        await until(lambda: "pool.replica_lost" in caplog.text)
        await stack.enter_async_context(server_of("ollama", gone.port))
        await until(lambda: pool.status()[0].retry_in_s is None)
        await ask(pool)


async def test_a_replica_that_is_well_and_fails_keeps_its_pause() -> None:
    """Health says that a server listens, not that its model answers."""
    async with AsyncExitStack() as stack:
        failing = await stack.enter_async_context(server_of("ollama"))
        other = await stack.enter_async_context(server_of("ollama"))
        pool = await stack.enter_async_context(pool_of("ollama", failing, other))
        failing.faults.append(Fault(500, {"error": "out of memory"}))
        for n in range(8):
            await ask(pool, f"talk {n}")
        assert pool.status()[0].failed == 1
        looks = len(failing.seen)
        await until(lambda: len(failing.seen) > looks + 3)
        assert pool.status()[0].state == "cooling"


async def test_closing_the_pool_ends_the_looks() -> None:
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(server_of("ollama")) for _ in range(2)]
        async with pool_of("ollama", *servers) as pool:
            await ask(pool)
            assert "pool: health" in {task.get_name() for task in asyncio.all_tasks()}
        assert "pool: health" not in {task.get_name() for task in asyncio.all_tasks()}


def test_unwell_replicas_are_used_only_where_no_other_is_left() -> None:
    one, two = (Replica(ScriptedBackend("m"), "scripted", at, 1.0, 60.0) for at in range(2))
    router = ReplicaRouter([one, two])
    one.record_health(Health(False, "gone"))
    assert all(router.choose(f"talk {n}", 10) is two for n in range(20))
    assert router.choose("talk", 10, tried={1}) is one
    two.record_health(Health(False, "gone"))
    assert router.choose("talk", 10) is not None
    one.mark_first_token()
    assert all(router.choose(f"talk {n}", 10) is one for n in range(20))


class Counted(ScriptedBackend):
    """Counts how often it is asked for its health; `well` is what it says."""

    looks = 0
    well = True

    async def health(self) -> Health:
        self.looks += 1
        return Health(self.well)


def watched(
    backends: list[Counted], work: Callable[[HealthWatch, list[Replica]], Awaitable[Any]]
) -> None:
    async def run() -> None:
        watch = HealthWatch(15.0)
        replicas = [Replica(one, "scripted", at, 1.0, 60.0) for at, one in enumerate(backends)]
        watch.watch("m", replicas, lambda: None)
        await work(watch, replicas)
        await watch.aclose()

    run_in_virtual_time(run())


@pytest.mark.parametrize("well", [True, False])
def test_a_day_of_idleness_is_no_storm_of_looks(well: bool) -> None:
    backends = [Counted("m"), Counted("m")]
    backends[1].well = well

    async def idle(watch: HealthWatch, replicas: list[Replica]) -> None:
        watch.note_use()
        await asyncio.sleep(24 * 3_600)

    watched(backends, idle)
    assert 100 < backends[0].looks < 310
    assert (100 if well else 1_000) < backends[1].looks < (310 if well else 1_500)


def test_while_it_is_used_a_replica_that_answers_is_not_asked_and_another_is() -> None:
    backends = [Counted("m"), Counted("m")]

    async def use(watch: HealthWatch, replicas: list[Replica]) -> None:
        for _ in range(600):
            watch.note_use()
            replicas[0].record_success()
            await asyncio.sleep(1)

    watched(backends, use)
    assert backends[0].looks == 0
    assert 30 < backends[1].looks < 50


def test_a_sole_replica_that_never_failed_is_not_watched() -> None:
    backends = [Counted("m")]

    async def use(watch: HealthWatch, replicas: list[Replica]) -> None:
        for _ in range(60):
            watch.note_use()
            await asyncio.sleep(60)

    watched(backends, use)
    assert backends[0].looks == 0
