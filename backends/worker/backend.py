"""A backend that runs any local engine in a child process.

    models:
      risky: {backend: llama_cpp, source: "file:…", isolation: process}

If the child crashes, the answers in flight fail with a clear error and nothing else is affected: it
is restarted for the next request, after a pause that grows if it keeps crashing. The child ends
when its parent does, however that ended.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from backends.base import (
    Backend,
    Capabilities,
    ChatMessage,
    ChatRequest,
    Chunk,
    Embeddings,
    Engine,
    EngineContext,
    EngineOptions,
    Health,
    Progress,
)
from backends.errors import (
    BackendError,
    BackendProtocolError,
    BackendUnavailable,
    DeadlineExceeded,
)
from backends.worker.frames import Head
from backends.worker.process import ChildProcess, Frame
from backends.worker.wire import (
    CAPABILITIES_ADAPTER,
    CHUNK_ADAPTER,
    HEALTH_ADAPTER,
    MESSAGES_ADAPTER,
    REQUEST_ADAPTER,
    import_reference,
    rows_from_bytes,
)

Create = Callable[[str, Any, EngineContext], Backend]

_HEALTH_TIMEOUT_S = 5.0
_STEADY_LIFETIME_S = 30.0
"""A child that lived this long, or has answered, is started again at once when it dies."""


class WorkerBackend:
    """A backend whose engine runs in a process of its own.

    `create` and the class of `options` must be defined at the top level of a module. `silence_s`
    limits how long the child may send nothing while it has work.
    """

    def __init__(
        self,
        name: str,
        create: Create,
        options: EngineOptions,
        context: EngineContext,
        *,
        silence_s: float = 180.0,
        first_pause_s: float = 1.0,
        longest_pause_s: float = 60.0,
    ) -> None:
        self.name = name
        self.parallel = int(getattr(options, "parallel", 1) or 1)
        self._start_head = {
            "op": "start",
            "name": name,
            "create": import_reference(create),
            "options_class": import_reference(type(options)),
            "options": options.model_dump(mode="json"),
        }
        self._context = context
        self._silence_s = silence_s
        self._first_pause_s = first_pause_s
        self._longest_pause_s = longest_pause_s
        self._pause_s = first_pause_s
        self._retry_at = 0.0
        self._deaths = 0
        self._why: str | None = None
        self._child: ChildProcess | None = None
        self._starting = asyncio.Lock()
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The child's process id, or None without a child."""
        return self._child.pid if self._child is not None and self._child.alive else None

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        if request.deadline_s is not None and request.deadline_s <= 0:
            raise DeadlineExceeded("The answer was not complete in time.")
        if self.pid is None:
            yield Chunk(progress=Progress("loading"))
        child = await self._running()
        head = {"op": "chat", "request": REQUEST_ADAPTER.dump_python(request, mode="json")}
        async with child.call(head) as replies:
            while True:
                told, _ = await replies.get()
                if told["op"] == "end":
                    raise BackendProtocolError(
                        f"The engine of {self.name!r} stopped in mid-answer."
                    )
                chunk = CHUNK_ADAPTER.validate_python(told["chunk"])
                yield chunk
                if chunk.finish is not None:
                    return

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        told, body = await self._ask({"op": "embed", "texts": list(texts)})
        return rows_from_bytes(told["shape"], body)

    async def count(self, messages: Sequence[ChatMessage]) -> int:
        sent = MESSAGES_ADAPTER.dump_python(tuple(messages), mode="json")
        told, _ = await self._ask({"op": "count", "messages": sent})
        return int(told["value"])

    async def capabilities(self) -> Capabilities:
        told, _ = await self._ask({"op": "capabilities"})
        return CAPABILITIES_ADAPTER.validate_python(told["value"])

    async def health(self) -> Health:
        """Return the child's health if it runs; never starts it."""
        if self.pid is None:
            if self._why is not None:
                return Health(False, self._why, resident=False)
            return Health(not self._closed, "Its process starts at first use.", resident=False)
        try:
            async with asyncio.timeout(_HEALTH_TIMEOUT_S):
                told, _ = await self._ask({"op": "health"})
            return HEALTH_ADAPTER.validate_python(told["value"])
        except TimeoutError:
            return Health(False, f"The engine's process of {self.name!r} does not answer.")
        except BackendError as error:
            return Health(False, str(error))

    async def aclose(self) -> None:
        self._closed = True
        async with self._starting:
            if self._child is not None:
                await self._child.aclose()

    async def _ask(self, head: Head) -> Frame:
        child = await self._running()
        async with child.call(head) as replies:
            return await replies.get()

    async def _running(self) -> ChildProcess:
        """Return the child, started if need be. Raises `BackendUnavailable` during a pause."""
        async with self._starting:
            if self._closed:
                raise BackendUnavailable(f"The engine of {self.name!r} has been stopped.")
            if self._child is not None and self._child.alive:
                return self._child
            if self._child is not None:
                await self._bury(self._child)
            left = self._retry_at - time.monotonic()
            if left > 0:
                raise BackendUnavailable(f"{self._why} It is started again in {left:.0f} s.")
            child = ChildProcess(self.name, self._context, self._silence_s)
            self._child = child
            try:
                ready = await child.start(self._start_head)
            except BackendUnavailable:
                await self._bury(child)
                raise
            except BaseException:
                self._child = None
                await child.aclose()
                raise
            self.parallel = int(ready.get("parallel") or self.parallel)
            self._why = None
            return child

    async def _bury(self, child: ChildProcess) -> None:
        """Record how a child ended, and when the next may be started."""
        self._child = None
        await child.aclose()
        self._why = child.why
        if child.answered or time.monotonic() - child.born >= _STEADY_LIFETIME_S:
            self._deaths = 0
            self._pause_s = self._first_pause_s
        self._deaths += 1
        if self._deaths > 1 or not child.ready:
            self._retry_at = time.monotonic() + self._pause_s
            self._pause_s = min(2 * self._pause_s, self._longest_pause_s)


def create_worker(
    engine: Engine, name: str, options: EngineOptions, context: EngineContext
) -> WorkerBackend:
    """Return a backend that runs the engine in a process of its own.

    Raises `ValueError` if another process cannot import the engine.
    """
    return WorkerBackend(name, engine.create, options, context)
