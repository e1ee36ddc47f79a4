"""The pool: names, failover, status, and what it hands on."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import Any

import numpy as np
import pytest

from backends.base import (
    Backend,
    ChatMessage,
    ChatRequest,
    Chunk,
    Engine,
    EngineContext,
    Sampling,
)
from backends.errors import (
    AnswerInterrupted,
    BackendBusy,
    BackendError,
    BackendProtocolError,
    BackendTimeout,
    BackendUnavailable,
    ContextOverflow,
    DeadlineExceeded,
    InvalidRequest,
    ModelNotFound,
    SpecError,
)
from backends.pool.pool import Pool
from backends.pool.spec import ModelSpec, PoolLimits
from backends.scripted.backend import ScriptedBackend
from backends.scripted.script import ScriptedOptions
from tests.fakes.contexts import bare_context
from tests.until import until

LIMITS = PoolLimits(first_pause_s=0.02, longest_pause_s=0.1, progress_interval_s=0.01)


class Stage:
    """A pool of scripted models, with the backends at hand."""

    def __init__(self, limits: PoolLimits = LIMITS, **models: Any) -> None:
        self.made: dict[str, ScriptedBackend] = {}
        self.closed = 0
        engine = Engine("scripted", ScriptedOptions, self._create, self._close)
        specs = {name: ModelSpec.model_validate(spec) for name, spec in models.items()}
        context = bare_context()
        self.pool = Pool(specs, {"scripted": engine}, context, limits)

    def _create(self, name: str, options: ScriptedOptions, context: EngineContext) -> Backend:
        self.made[name] = ScriptedBackend(name, options)
        return self.made[name]

    async def _close(self) -> None:
        self.closed += 1


def one(**options: Any) -> dict[str, Any]:
    return {"backend": "scripted", **options}


def two(first: dict[str, Any], second: dict[str, Any], **keys: Any) -> dict[str, Any]:
    return {"replicas": [one(**first), one(**second)], **keys}


def request(text: str = "hello", **fields: Any) -> ChatRequest:
    return ChatRequest((ChatMessage("user", text),), **fields)


async def chunks(pool: Pool, asked: ChatRequest, model: str = "m") -> list[Chunk]:
    async with aclosing(pool.chat(model, asked)) as stream:
        return [chunk async for chunk in stream]


async def text(pool: Pool, asked: ChatRequest, model: str = "m") -> str:
    return "".join(chunk.text for chunk in await chunks(pool, asked, model))


async def test_an_answer_streams_and_ends_with_its_usage() -> None:
    stage = Stage(m=one(replies=["one two three"]))
    got = await chunks(stage.pool, request())
    assert "".join(chunk.text for chunk in got) == "one two three"
    assert [chunk.finish for chunk in got if chunk.finish] == ["stop"]
    usage = got[-1].usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens) == (2, 3)


async def test_time_in_the_queue_is_told_and_counted() -> None:
    stalls = {"text": "slow answer here", "stall_after": 1}
    stage = Stage(m=one(parallel=1, replies=[stalls, "quick"]))
    first = asyncio.create_task(chunks(stage.pool, request(person="a")))
    await until(lambda: stage.made["m"].active)
    second = asyncio.create_task(chunks(stage.pool, request(person="b")))
    await until(lambda: stage.pool.status("m")[0].queued)
    await asyncio.sleep(0.03)
    first.cancel()
    got = await second
    places = [c.progress.position for c in got if c.progress and c.progress.stage == "queued"]
    assert places[0] == 1
    assert got[-1].usage is not None
    assert got[-1].usage.queue_s > 0.02


async def test_an_unknown_model_is_refused_with_the_nearest_name() -> None:
    stage = Stage(default=one(), team=one())
    with pytest.raises(ModelNotFound, match="no model 'teem'; did you mean 'team'"):
        await chunks(stage.pool, request(), "teem")
    with pytest.raises(ModelNotFound, match="there are default, team"):
        await stage.pool.embed("xyz", ["a"])
    assert stage.pool.names() == ("default", "team")


def test_a_configuration_that_cannot_be_served_names_every_problem() -> None:
    with pytest.raises(SpecError) as caught:
        Stage(a=one(colour="red"), b={"backend": "lama"})
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    "error",
    [
        BackendUnavailable("It is down."),
        BackendTimeout("It is silent."),
        BackendProtocolError("It babbles."),
        ModelNotFound("It has no such model."),
        BackendBusy(3.0),
    ],
)
async def test_another_replica_answers_where_the_first_fails_before_a_word(
    error: BackendError,
) -> None:
    stage = Stage(m=two({"echo": "one"}, {"echo": "two"}))
    for backend in stage.made.values():
        backend.fail_next(error)
    with pytest.raises(type(error)):
        await chunks(stage.pool, request(conversation="talk"))  # both fail: no third try
    assert [len(backend.requests) for backend in stage.made.values()] == [1, 1]
    await asyncio.sleep(0.11)
    stage.made["m[0]"].fail_next(error)
    assert await text(stage.pool, request()) == "two"
    statuses = stage.pool.status()
    assert [status.failed for status in statuses] == [2, 1]
    assert all(status.last_error == str(error) for status in statuses)


async def test_a_failure_after_the_first_word_is_not_tried_again() -> None:
    stage = Stage(m=two({"replies": ["a b c"]}, {"replies": ["a b c"]}))
    for backend in stage.made.values():
        backend.fail_next(BackendUnavailable("It died."), after=2)
    heard: list[str] = []

    async def listen() -> None:
        async with aclosing(stage.pool.chat("m", request())) as stream:
            async for chunk in stream:
                heard.append(chunk.text)

    with pytest.raises(BackendUnavailable, match="It died"):
        await listen()
    assert "".join(heard) == "a b"
    assert sum(len(backend.requests) for backend in stage.made.values()) == 1


@pytest.mark.parametrize(
    ("error", "make"),
    [
        ("overflow", ContextOverflow),
        ("invalid", InvalidRequest),
        ("deadline", DeadlineExceeded),
    ],
)
async def test_the_requests_own_faults_are_not_blamed_on_a_replica(
    error: str, make: type[BackendError]
) -> None:
    reply = {"match": "hello", "error": error}
    stage = Stage(m=two({"replies": [reply]}, {"replies": [reply]}))
    with pytest.raises(make):
        await chunks(stage.pool, request())
    assert all(status.state == "ready" and not status.failed for status in stage.pool.status())
    assert sum(len(backend.requests) for backend in stage.made.values()) == 1


async def test_a_sole_replica_that_failed_answers_the_next_request() -> None:
    stage = Stage(m=one(echo="well again"))
    stage.made["m"].fail_next(BackendUnavailable("It crashed."))
    with pytest.raises(BackendUnavailable):
        await chunks(stage.pool, request())
    assert stage.pool.status()[0].state == "cooling"
    assert await text(stage.pool, request()) == "well again"
    (status,) = stage.pool.status()
    assert (status.state, status.answered, status.failed) == ("ready", 1, 1)


async def test_a_conversation_returns_to_the_replica_that_holds_its_cache() -> None:
    stage = Stage(m=two({}, {}))
    for _ in range(4):
        await chunks(stage.pool, request("hello again", conversation="talk"))
    assert sorted(len(backend.requests) for backend in stage.made.values()) == [0, 4]
    (home,) = [status for status in stage.pool.status() if status.answered]
    assert home.cache_hits is not None
    assert home.cache_hits > 0.3


async def test_closing_in_mid_answer_stops_the_engine_and_frees_the_slot() -> None:
    stage = Stage(m=one(parallel=1, replies=["a b c d", "next"], tokens_per_s=100))
    async with aclosing(stage.pool.chat("m", request())) as stream:
        async for chunk in stream:
            if chunk.text:
                break
    backend = stage.made["m"]
    assert (backend.cancelled, backend.active) == (1, 0)
    (status,) = stage.pool.status()
    assert (status.busy, status.queued, status.cancelled) == (0, 0, 1)
    assert await text(stage.pool, request()) == "next"


async def test_an_engine_that_stalls_is_ended_by_the_deadline() -> None:
    stage = Stage(m=one(replies=[{"text": "a b c", "stall_after": 1}], deadline_s=0.05))
    with pytest.raises(DeadlineExceeded):
        await chunks(stage.pool, request())
    assert stage.made["m"].active == 0
    assert stage.pool.status()[0].busy == 0


async def test_a_stream_that_just_ends_is_an_error() -> None:
    class Short(ScriptedBackend):
        async def chat(self, request: ChatRequest) -> Any:
            yield Chunk(text="and then")

    engine = Engine("short", ScriptedOptions, lambda name, options, context: Short(name, options))
    spec = ModelSpec.model_validate({"backend": "short"})
    pool = Pool({"m": spec}, {"short": engine}, bare_context(), LIMITS)
    with pytest.raises(AnswerInterrupted, match="stopped in mid-answer"):
        await chunks(pool, request())
    await pool.aclose()


async def test_defaults_of_the_model_reach_the_engine_and_the_deadline_too() -> None:
    stage = Stage(m=one(sampling={"temperature": 0.1, "stop": ["END"]}, deadline_s="2m"))
    await chunks(stage.pool, request(sampling=Sampling(top_k=3)))
    (got,) = stage.made["m"].requests
    assert got.sampling == Sampling(temperature=0.1, top_k=3, max_tokens=512, stop=("END",))
    assert got.deadline_s is not None
    assert 100 < got.deadline_s <= 120


async def test_nonsense_is_refused_before_it_takes_a_place() -> None:
    stage = Stage(m=one())
    with pytest.raises(InvalidRequest, match="max_tokens"):
        await chunks(stage.pool, request(sampling=Sampling(max_tokens=0)))
    assert not stage.made["m"].requests


async def test_embeddings_are_shared_out_and_fail_over() -> None:
    stage = Stage(m=two({"dimension": 8}, {"dimension": 8}))
    stage.made["m[0]"].available = False
    rows = await stage.pool.embed("m", ["one", "two"])
    assert rows.shape == (2, 8)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1)
    stage.made["m[1]"].available = False
    with pytest.raises(BackendUnavailable):
        await stage.pool.embed("m", ["one"])
    assert all(status.busy == 0 for status in stage.pool.status())


async def test_capabilities_are_what_all_replicas_share() -> None:
    stage = Stage(m=two({"context": 100, "dimension": 8}, {"context": 50, "dimension": 4}))
    able = await stage.pool.capabilities("m")
    assert (able.context, able.dimension, able.chat) == (50, 0, True)
    assert await stage.pool.count("m", [ChatMessage("user", "a b")]) == 3


async def test_health_is_that_of_the_replicas_together() -> None:
    stage = Stage(m=two({"parallel": 2}, {"parallel": 2}))
    assert (await stage.pool.health("m")).ok
    stage.made["m[0]"].available = False
    half = await stage.pool.health("m")
    assert half.ok
    assert "1 of 2" in half.detail
    stage.made["m[1]"].available = False
    assert not (await stage.pool.health("m")).ok


async def test_a_probe_says_why_a_model_cannot_answer() -> None:
    stage = Stage(m=one(replies=["yes", "yes"]))
    assert (await stage.pool.probe("m")).chat
    broken = Stage(m=one())
    broken.made["m"].available = False
    with pytest.raises(BackendUnavailable, match="scripted"):
        await broken.pool.probe("m")
    broken.made["m"].available = True
    await broken.pool.probe("m")
    assert broken.pool.status()[0].state == "ready"


async def test_a_probe_of_a_busy_model_is_content() -> None:
    stage = Stage(m=one(parallel=1, queue=0, tokens_per_s=20, replies=["a b c d e"]))
    answering = asyncio.create_task(chunks(stage.pool, request()))
    await asyncio.sleep(0.01)
    await stage.pool.probe("m")
    await answering


async def test_status_tells_of_slots_queue_rates_and_caches() -> None:
    reply = {"match": "hello", "text": "a b c d"}
    stage = Stage(m=one(parallel=1, tokens_per_s=100, replies=[reply]), other=one())
    began = time.perf_counter()
    running = [asyncio.create_task(chunks(stage.pool, request())) for _ in range(3)]
    await until(lambda: stage.pool.status("m")[0].queued == 2)
    (now,) = stage.pool.status("m")
    assert (now.slots, now.busy, now.queued, now.tokens_per_s) == (1, 1, 2, None)
    await asyncio.gather(*running)
    took = time.perf_counter() - began
    then, other = stage.pool.status()
    assert (then.busy, then.queued, then.answered, then.completion_tokens) == (0, 0, 3, 12)
    assert then.tokens_per_s is not None
    assert 4 / took < then.tokens_per_s <= 101
    assert (other.model, other.answered, other.resident) == ("other", 0, None)


async def test_closing_turns_away_who_waits_and_closes_engines_once() -> None:
    stage = Stage(m=one(parallel=1, replies=[{"text": "a b c", "stall_after": 1}]))
    running = asyncio.create_task(chunks(stage.pool, request()))
    waiting = asyncio.create_task(chunks(stage.pool, request()))
    await until(lambda: stage.pool.status("m")[0].queued)
    await stage.pool.aclose()
    with pytest.raises(BackendUnavailable, match="shutting down"):
        await waiting
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await stage.pool.aclose()
    assert stage.closed == 2
    assert not stage.made["m"].available


async def test_slots_are_those_of_the_backend_else_those_of_its_options() -> None:
    class Plain(ScriptedBackend):
        def __init__(self, name: str, options: ScriptedOptions) -> None:
            super().__init__(name, options)
            del self.parallel

    engine = Engine("plain", ScriptedOptions, lambda name, options, context: Plain(name, options))
    specs = {
        name: ModelSpec.model_validate({"backend": "plain", **keys})
        for name, keys in {"a": {"parallel": 8}, "b": {}}.items()
    }
    pool = Pool(specs, {"plain": engine}, bare_context(), LIMITS)
    assert [status.slots for status in pool.status()] == [8, 1]
    await pool.aclose()
