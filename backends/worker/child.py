"""The child process of a worker: runs one engine and answers the parent's calls.

`backends.worker.backend` starts it as `python -m backends.worker.child`. Frames arrive on standard
input and leave on standard output. The engine cannot use either: what it prints goes to standard
error. A thread of its own reads the input, so that the end of the parent is noticed even while the
event loop is blocked.
"""

from __future__ import annotations

import asyncio
import importlib
import itertools
import os
import sys
import threading
import traceback
from concurrent.futures import Future
from contextlib import aclosing
from functools import reduce
from pathlib import Path
from typing import Any, BinaryIO

from backends.base import Backend, EngineContext
from backends.errors import BackendError, BackendUnavailable
from backends.gil import shorten_switch_interval
from backends.worker.frames import LENGTHS_FORMAT, Head, pack_frame, parse_head, unpack_lengths
from backends.worker.wire import (
    CAPABILITIES_ADAPTER,
    CHUNK_ADAPTER,
    HEALTH_ADAPTER,
    MESSAGES_ADAPTER,
    REQUEST_ADAPTER,
    error_from_json,
    error_to_json,
    rows_to_bytes,
)


class _EngineServer:
    """Runs one backend and answers the parent's calls, many at a time."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source = source
        self._sink = sink
        self._writing = threading.Lock()
        self._asked: dict[int, Future[Any]] = {}
        self._numbers = itertools.count(1)
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._backend: Backend | None = None
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()

    async def run(self) -> None:
        threading.Thread(target=self._read, daemon=True, name="frames").start()
        await self._over.wait()
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        if self._backend is not None:
            await self._backend.aclose()

    def ask(self, what: str, *arguments: Any) -> Any:
        """Ask the parent for something; blocks the calling thread."""
        number = next(self._numbers)
        future: Future[Any] = Future()
        self._asked[number] = future
        self._send({"op": "ask", "id": number, "what": what, "arguments": arguments})
        return future.result()

    # -- the reading thread ----------------------------------------------------------------------

    def _read(self) -> None:
        while (prefix := self._source.read(LENGTHS_FORMAT.size)) and len(
            prefix
        ) == LENGTHS_FORMAT.size:
            head_size, body_size = unpack_lengths(prefix)
            head = parse_head(self._source.read(head_size))
            self._source.read(body_size)
            if head["op"] == "told":
                self._told(head)
            else:
                self._loop.call_soon_threadsafe(self._take, head)
        self._loop.call_soon_threadsafe(self._over.set)  # the parent is gone, or wants us gone
        threading.Event().wait(2.0)
        os._exit(0)  # native code may not be interruptible otherwise

    def _told(self, head: Head) -> None:
        future = self._asked.pop(head["id"])
        if "error" in head:
            future.set_exception(error_from_json(head["error"]))
        else:
            future.set_result(head.get("value"))

    # -- the event loop --------------------------------------------------------------------------

    def _take(self, head: Head) -> None:
        number = head["id"]
        if head["op"] == "cancel":
            task = self._tasks.get(number)
            if task is not None:
                task.cancel()
            return
        task = asyncio.create_task(self._serve(number, head), name=f"{head['op']} {number}")
        self._tasks[number] = task
        task.add_done_callback(lambda done: self._done(number, done))

    def _done(self, number: int, task: asyncio.Task[None]) -> None:
        self._tasks.pop(number, None)
        if task.cancelled():  # before it had begun
            self._send({"op": "end", "id": number})

    async def _serve(self, number: int, head: Head) -> None:
        try:
            await self._answer(number, head)
        except asyncio.CancelledError:
            self._send({"op": "end", "id": number})
        except BackendError as error:
            self._send({"op": "error", "id": number, "error": error_to_json(error)})
        except Exception as error:  # noqa: BLE001 - the top of a task: an engine may raise anything
            traceback.print_exc()
            failure = BackendUnavailable(f"The engine failed with {type(error).__name__}.")
            self._send({"op": "error", "id": number, "error": error_to_json(failure)})

    async def _answer(self, number: int, head: Head) -> None:
        result: Head = {"op": "result", "id": number}
        body = b""
        operation = head["op"]
        if operation == "start":
            self._backend = self._make(head)
            result["parallel"] = getattr(self._backend, "parallel", None)
            self._send(result)
            return
        backend = self._backend
        assert backend is not None
        if operation == "chat":
            await self._chat(backend, number, head)
            return
        if operation == "embed":
            result["shape"], body = rows_to_bytes(await backend.embed(head["texts"]))
        elif operation == "count":
            result["value"] = await backend.count(
                MESSAGES_ADAPTER.validate_python(head["messages"])
            )
        elif operation == "capabilities":
            able = await backend.capabilities()
            result["value"] = CAPABILITIES_ADAPTER.dump_python(able, mode="json")
        else:
            result["value"] = HEALTH_ADAPTER.dump_python(await backend.health(), mode="json")
        self._send(result, body)

    async def _chat(self, backend: Backend, number: int, head: Head) -> None:
        request = REQUEST_ADAPTER.validate_python(head["request"])
        async with aclosing(backend.chat(request)) as chunks:
            async for chunk in chunks:
                told = CHUNK_ADAPTER.dump_python(chunk, mode="json", exclude_defaults=True)
                last = chunk.finish is not None
                self._send({"op": "chunk", "id": number, "chunk": told, "last": last})
                if last:
                    return
        self._send({"op": "end", "id": number})

    def _make(self, head: Head) -> Backend:
        sys.path[:] = [*sys.path, *(entry for entry in head["path"] if entry not in sys.path)]
        options = _import_object(head["options_class"]).model_validate(head["options"])
        context = EngineContext(_ParentFiles(self), lambda name: self.ask("secret", name))
        backend: Backend = _import_object(head["create"])(head["name"], options, context)
        return backend

    def _send(self, head: Head, body: bytes = b"") -> None:
        frame = pack_frame(head, body)
        with self._writing:
            try:
                self._sink.write(frame)
                self._sink.flush()
            except BrokenPipeError:
                os._exit(0)


class _ParentFiles:
    """The model files, looked up by the parent."""

    def __init__(self, child: _EngineServer) -> None:
        self._child = child

    def path(self, source: str, sha256: str | None = None) -> Path:
        return Path(self._child.ask("path", source, sha256))


def _import_object(reference: str) -> Any:
    module, _, names = reference.partition(":")
    return reduce(getattr, names.split("."), importlib.import_module(module))


async def _main(source: BinaryIO, sink: BinaryIO) -> None:
    await _EngineServer(source, sink).run()


def main() -> None:
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    shorten_switch_interval()
    asyncio.run(_main(source, sink))
    os._exit(0)  # the reading thread still sits on its pipe


if __name__ == "__main__":
    main()
