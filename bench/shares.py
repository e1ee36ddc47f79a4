"""What it is like to share a model server with another bot: the newcomer's first token."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

from aiohttp import web

from backends.base import ChatMessage, ChatRequest, EngineContext, Sampling
from backends.files.store import ModelStore, default_root
from backends.openai_compatible.backend import ENGINE
from backends.pool.pool import Pool
from backends.pool.spec import ModelSpec, PoolLimits
from bench.rows import Row

_SLOTS = 4
_READING_S = 0.1
_PIECE_S = 0.02
_PIECES = 60
_TOLD_S = 0.01
"""From one process to the other, as long as a notification of a database takes at most."""


class _Server:
    """Answers `_SLOTS` chats side by side at a steady pace, the others in order of arrival."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(_SLOTS)
        self._app = web.Application()
        self._app.add_routes(
            [
                web.post("/v1/chat/completions", self._chat),
                web.get("/v1/models", self._models),
                web.get("/props", self._props),
            ]
        )

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[str, None]:
        runner = web.AppRunner(self._app, access_log=None, handler_cancellation=True)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        finally:
            await runner.cleanup()

    async def _models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "m", "object": "model"}]})

    async def _props(self, _: web.Request) -> web.Response:
        return web.json_response({"total_slots": _SLOTS})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        async with self._slots:
            await asyncio.sleep(_READING_S)
            for number in range(_PIECES):
                await response.write(_event({"content": f"w{number} "}))
                await asyncio.sleep(_PIECE_S)
        await response.write(_event({}, "stop") + b"data: [DONE]\n\n")
        return response


def _event(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    event = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return b"data: " + json.dumps({**event, "choices": [choice]}).encode() + b"\n\n"


def _pool(url: str) -> Pool:
    entry = {"backend": "openai_compatible", "url": url, "model": "m"}
    context = EngineContext(ModelStore(default_root()), lambda _: None)
    spec = {"m": ModelSpec.model_validate(entry)}
    return Pool(spec, {"openai_compatible": ENGINE}, context, PoolLimits())


@asynccontextmanager
async def _telling(pools: dict[str, Pool]) -> AsyncGenerator[None, None]:
    """Let them tell each other what they want, as an exchange does."""
    told: dict[str, Any] = {}

    async def tell(name: str, pool: Pool) -> None:
        while True:
            told[name] = pool.sharing.tell()
            await asyncio.sleep(_TOLD_S)
            for other, its_pool in pools.items():
                its_pool.sharing.hear(told, other)
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await pool.sharing.changed.wait()

    tasks = [asyncio.create_task(tell(name, pool)) for name, pool in pools.items()]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _first_text(pool: Pool, person: str) -> float:
    """Seconds until the first text of an answer, which is then left."""
    began = time.perf_counter()
    async with aclosing(pool.chat("m", _request(person))) as chunks:
        async for chunk in chunks:
            if chunk.text:
                break
    return time.perf_counter() - began


async def _whole(pool: Pool, person: str) -> None:
    async with aclosing(pool.chat("m", _request(person))) as chunks:
        async for _ in chunks:
            pass


def _request(person: str) -> ChatRequest:
    return ChatRequest((ChatMessage("user", "hello"),), Sampling(max_tokens=_PIECES), person=person)


async def _newcomer(rounds: int, *, people: int, tell: bool) -> tuple[float, float]:
    """The middle first token of somebody at one process, while the other is idle; and while there
    ten requests of each of so many people are answered, beside it.
    """
    idle, crowded = [], []
    async with _Server().listening() as url:
        pools = {"busy": _pool(url), "new": _pool(url)}
        try:
            async with _telling(pools) if tell else _nothing():
                for pool in pools.values():
                    await _first_text(pool, "warm")
                for _ in range(rounds):
                    await asyncio.sleep(0.2)
                    idle.append(await _first_text(pools["new"], "new"))
                    crowd = [
                        asyncio.create_task(_whole(pools["busy"], f"busy {at % people}"))
                        for at in range(10 * people)
                    ]
                    await asyncio.sleep(0.5)
                    crowded.append(await _first_text(pools["new"], "new"))
                    for task in crowd:
                        task.cancel()
                    await asyncio.gather(*crowd, return_exceptions=True)
        finally:
            await asyncio.gather(*(pool.aclose() for pool in pools.values()))
    return statistics.median(idle), statistics.median(crowded)


@asynccontextmanager
async def _nothing() -> AsyncGenerator[None, None]:
    yield


async def rows(quick: bool) -> list[Row]:
    """All rows of this room."""
    rounds = 5 if quick else 15
    found = []
    for people, who in ((1, "one person having ten requests"), (3, "three people having ten each")):
        for tell in (True, False):
            idle_s, crowded_s = await _newcomer(rounds, people=people, tell=tell)
            ratio = crowded_s / idle_s
            name = f"newcomer's first token, {who} at another process, beside idle"
            if tell:
                found.append(Row(name, ratio, "×", "≤ 2", ratio <= 2))
            else:
                found.append(Row(f"{name}, each for itself", ratio, "×", "", None))
    return found
