"""Pools of several processes in one, which tell each other their demand as JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

from backends.base import ChatMessage, ChatRequest, Sampling
from backends.pool.pool import Pool
from backends.pool.spec import ModelSpec, PoolLimits
from backends.registry import load_engines
from tests.fakes.contexts import bare_context

ENGINES = load_engines(["openai_compatible"])
LIMITS = PoolLimits(first_pause_s=0.02, longest_pause_s=0.05, health_interval_s=0.03)


def pool_of(*urls: str, **more: Any) -> Pool:
    """A pool with the model `team`, which each of the servers serves."""
    replicas = [
        {"backend": "openai_compatible", "url": f"{url}/v1", "model": "tiny", **more}
        for url in urls
    ]
    spec = ModelSpec.model_validate({"replicas": replicas})
    return Pool({"team": spec}, ENGINES, bare_context(), LIMITS)


async def ask(
    pool: Pool, question: str, conversation: str | None = None, *, model: str = "team"
) -> str:
    """Ask `PERSON NUMBER`; return the answer."""
    request = ChatRequest(
        (ChatMessage("user", question),),
        Sampling(max_tokens=3),
        person=question.split()[0],
        conversation=conversation,
    )
    said = []
    async with aclosing(pool.chat(model, request)) as chunks:
        async for chunk in chunks:
            said.append(chunk.text)
    return "".join(said)


class Exchange:
    """Tells everybody what everybody wants, when that has changed; `told` counts that."""

    def __init__(self, interval_s: float = 60.0) -> None:
        self.told = 0
        self._interval_s = interval_s
        self._demands: dict[str, Any] = {}
        self._pools: dict[str, Pool] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @asynccontextmanager
    async def among(self, **pools: Pool) -> AsyncIterator[None]:
        """Tell these of each other, and close them at the end."""
        for name, pool in pools.items():
            self.join(name, pool)
        try:
            yield
        finally:
            for name in list(self._pools):
                await self.leave(name)
            await asyncio.gather(*(pool.aclose() for pool in pools.values()))

    def join(self, name: str, pool: Pool) -> None:
        self._pools[name] = pool
        pool.sharing.hear(self._demands, name)  # of the others first, to count on no more than that
        self._tell(name)
        self._tasks[name] = asyncio.create_task(self._run(name), name=f"exchange: {name}")

    async def leave(self, name: str) -> None:
        """As when a process ends, however: nothing more is told of it."""
        task = self._tasks.pop(name)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        del self._pools[name], self._demands[name]
        self._tell_all()

    async def _run(self, name: str) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._interval_s):
                    await self._pools[name].sharing.changed.wait()
            self._tell(name)

    def _tell(self, name: str) -> None:
        self.told += 1
        self._demands[name] = json.loads(json.dumps(self._pools[name].sharing.tell()))
        self._tell_all()

    def _tell_all(self) -> None:
        for name, pool in self._pools.items():
            pool.sharing.hear(self._demands, name)
