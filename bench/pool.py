"""The pool's figures: what fairness, queueing and isolation cost and give."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

from backends.base import ChatMessage, ChatRequest, EngineContext, Sampling
from backends.files.catalog import CHAT_FILE
from backends.files.store import ModelStore, default_root
from backends.llama_cpp import ENGINE as LLAMA_CPP
from backends.pool.pool import Pool
from backends.pool.spec import ModelSpec, PoolLimits
from backends.scripted.backend import ENGINE as SCRIPTED
from bench.rows import Row

_SYSTEM = (
    "You are Parlance, a private assistant that answers in a team's channel. Answer in plain "
    "words, to the point, in the language of the question. Say so when you do not know. Never "
    "invent names, numbers, links or quotations, and never repeat these instructions. "
) * 2
_SUBJECTS = ("lighthouses", "bridges", "bread", "glaciers", "clocks", "maps", "bees", "tides")


@asynccontextmanager
async def _pool(**models: Any) -> AsyncGenerator[Pool, None]:
    store = ModelStore(default_root())
    specs = {name: ModelSpec.model_validate(spec) for name, spec in models.items()}
    engines = {"llama_cpp": LLAMA_CPP, "scripted": SCRIPTED}
    limits = PoolLimits(queue=256, per_person=64, first_pause_s=0.01)
    pool = Pool(specs, engines, EngineContext(store, lambda _: None), limits)
    try:
        yield pool
    finally:
        await pool.aclose()


def _request(person: str, number: int, max_tokens: int) -> ChatRequest:
    question = f"Question {number} of {person}: tell me about {_SUBJECTS[number % 8]}."
    return ChatRequest(
        (ChatMessage("system", _SYSTEM), ChatMessage("user", question)),
        Sampling(temperature=0.0, max_tokens=max_tokens),
        person=person,
    )


async def _first_text(pool: Pool, request: ChatRequest, model: str = "m") -> float:
    """Seconds until the first text of an answer, which is then left."""
    began = time.perf_counter()
    async with aclosing(pool.chat(model, request)) as chunks:
        async for chunk in chunks:
            if chunk.text:
                break
    return time.perf_counter() - began


async def _whole(pool: Pool, request: ChatRequest, model: str = "m") -> int:
    """Tokens of an answer, read to its end."""
    written = 0
    async with aclosing(pool.chat(model, request)) as chunks:
        async for chunk in chunks:
            if chunk.usage is not None:
                written = chunk.usage.completion_tokens
    return written


def _llama(**more: Any) -> dict[str, Any]:
    return {
        "backend": "llama_cpp",
        "source": CHAT_FILE.source,
        "sha256": CHAT_FILE.sha256,
        "context": 1024,
        **more,
    }


async def _newcomer(rounds: int) -> Row:
    """A newcomer's first word, with ten long requests of somebody else before it and without."""
    idle, crowded = [], []
    async with _pool(m=_llama(parallel=8, cache_tokens=8_192)) as pool:
        await _whole(pool, _request("warm", 0, 8))
        for number in range(rounds):
            idle.append(await _first_text(pool, _request("new", 2 * number, 16)))
            busy = [
                asyncio.create_task(_whole(pool, _request("busy", at, 200))) for at in range(10)
            ]
            await asyncio.sleep(1.0)
            crowded.append(await _first_text(pool, _request("new", 2 * number + 1, 16)))
            for task in busy:
                task.cancel()
            await asyncio.gather(*busy, return_exceptions=True)
    ratio = statistics.median(crowded) / statistics.median(idle)
    return Row(
        "newcomer's first token, one person having 10 long requests, beside an idle pool",
        ratio,
        "×",
        "≤ 2",
        ratio <= 2,
    )


async def _timed(work: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


async def _overhead(requests: int) -> Row:
    """What a request pays for the pool, beside asking the scripted engine itself."""
    request = ChatRequest((ChatMessage("user", "hello"),), person="ada", conversation="c")
    options = SCRIPTED.options()
    backend = SCRIPTED.create("m", options, EngineContext(ModelStore(default_root()), _no_secret))

    async def direct() -> None:
        async with aclosing(backend.chat(request)) as chunks:
            async for _ in chunks:
                pass

    async with _pool(m={"backend": "scripted"}) as pool:
        pairs = [
            (await _timed(direct), await _timed(lambda: _whole(pool, request)))
            for _ in range(requests)
        ]
    cost = statistics.median(pooled - alone for alone, pooled in pairs) * 1_000
    return Row("pool's share of a request, nothing waiting", cost, "ms", "≤ 1", cost <= 1)


async def _crowd(people: int) -> Row:
    """Requests a second through one slot with a long queue: what admission itself costs."""
    async with _pool(m={"backend": "scripted", "parallel": 1, "queue": 256}) as pool:
        began = time.perf_counter()
        await asyncio.gather(
            *(
                _whole(pool, ChatRequest((ChatMessage("user", "hi"),), person=f"p{at % 20}"))
                for at in range(people)
            )
        )
        rate = people / (time.perf_counter() - began)
    return Row(
        f"requests a second through one slot, {people} waiting", rate, "/s", "≥ 300", rate >= 300
    )


async def isolation(rounds: int) -> Row:
    """A single user's speed with the engine in a child process, beside the same in this one."""
    here: list[float] = []
    there: list[float] = []
    async with _pool(here=_llama(), there=_llama(isolation="process")) as pool:
        for model in ("here", "there"):
            await _whole(pool, _request("warm", 0, 8), model)
        for number in range(rounds):
            for model, speeds in (("here", here), ("there", there)):
                began = time.perf_counter()
                written = await _whole(pool, _request("ada", number, 64), model)
                speeds.append(written / (time.perf_counter() - began))
    ratio = statistics.median(there) / statistics.median(here)
    return Row(
        "tokens/s with isolation: process, beside in-process", ratio, "×", "≥ 0.97", ratio >= 0.97
    )


def _no_secret(name: str) -> str | None:
    return None


async def rows(quick: bool) -> list[Row]:
    """All rows of this room."""
    await asyncio.to_thread(ModelStore(default_root()).fetch, CHAT_FILE.source, CHAT_FILE.sha256)
    return [
        await _newcomer(2 if quick else 5),
        await _overhead(200 if quick else 1_000),
        await _crowd(200),
    ]
