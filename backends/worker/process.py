"""One child process of a worker: its pipes, its calls in flight, its silence."""

from __future__ import annotations

import asyncio
import itertools
import logging
import sys
import time
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from backends.base import EngineContext
from backends.errors import BackendError, BackendProtocolError, BackendTimeout, BackendUnavailable
from backends.remote import one_line
from backends.worker.frames import LENGTHS, Head, head_of, lengths, pack
from backends.worker.processes import child_environment, end, how_it_ended
from backends.worker.wire import error_from_json, error_to_json

Frame = tuple[Head, bytes]

_GRACE_S = 3.0
_START_S = 60.0

_log = logging.getLogger(__name__)


class Child:
    """One child process: its pipes, its calls in flight, and the tasks that attend to it."""

    def __init__(self, name: str, context: EngineContext, silence_s: float) -> None:
        self.name = name
        self.born = time.monotonic()
        self.ready = False
        self.answered = False
        self.why = f"The engine's process of {name!r} is not running."
        self._context = context
        self._silence_s = silence_s
        self._process: asyncio.subprocess.Process | None = None
        self._numbers = itertools.count(1)
        self._calls: dict[int, asyncio.Queue[Frame | BackendError]] = {}
        self._heard = time.monotonic()
        self._said: deque[str] = deque(maxlen=10)
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = asyncio.Event()

    @property
    def alive(self) -> bool:
        return (
            self._process is not None
            and self._process.returncode is None
            and not self._over.is_set()
        )

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    async def start(self, head: Head) -> Head:
        """Raises the engine's own error, or `BackendUnavailable` where the process dies."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "backends.worker.child"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=child_environment(),
            start_new_session=True,
        )
        self._attend(self._read())
        self._attend(self._listen())
        try:
            async with (
                asyncio.timeout(_START_S),
                self.call({**head, "path": sys.path}) as replies,
            ):
                told, _ = await replies.get()
        except TimeoutError:
            self.why = f"The engine's process of {self.name!r} did not start in {_START_S:.0f} s."
            raise BackendUnavailable(self.why) from None
        self.ready = True
        self._attend(self._watch())
        return told

    @asynccontextmanager
    async def call(self, head: Head) -> AsyncGenerator[Replies, None]:
        """Send a question; cancel it, and wait for it to be over, if it is left before its end."""
        number = next(self._numbers)
        queue: asyncio.Queue[Frame | BackendError] = asyncio.Queue()  # bounded by max_tokens
        if not self._calls:
            self._heard = time.monotonic()
        self._calls[number] = queue
        replies = Replies(queue)
        try:
            await self._send({**head, "id": number})
            yield replies
            self.answered = self.answered or head["op"] in ("chat", "embed")
        finally:
            if not replies.over and self.alive:
                with suppress(TimeoutError, BackendError):
                    async with asyncio.timeout(_GRACE_S):
                        await self._send({"op": "cancel", "id": number})
                        while not replies.over:
                            await replies.get()
            self._calls.pop(number, None)

    async def aclose(self) -> None:
        if self._process is not None:
            self._fail(BackendUnavailable(f"The engine of {self.name!r} has been stopped."))
            if self._process.stdin is not None:
                self._process.stdin.close()  # which tells it to end
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), _GRACE_S)
            await end(self._process, _GRACE_S)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _send(self, head: Head) -> None:
        process = self._process
        if not self.alive or process is None or process.stdin is None:
            raise BackendUnavailable(self.why)
        try:
            process.stdin.write(pack(head))
            await process.stdin.drain()
        except (ConnectionError, RuntimeError):
            raise BackendUnavailable(self.why) from None

    def _fail(self, error: BackendError) -> None:
        """Every call in flight ends with this error."""
        self._over.set()
        for queue in self._calls.values():
            queue.put_nowait(error)

    def _attend(self, work: Any) -> None:
        task = asyncio.create_task(work, name=f"worker of {self.name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read(self) -> None:
        """Hand every frame to the call that waits for it, until the child is gone."""
        assert self._process is not None
        assert self._process.stdout is not None
        stdout = self._process.stdout
        try:
            while True:
                head_size, body_size = lengths(await stdout.readexactly(LENGTHS.size))
                head = head_of(await stdout.readexactly(head_size))
                body = await stdout.readexactly(body_size)
                self._heard = time.monotonic()
                if head.get("op") == "ask":
                    self._attend(self._answer(head))
                    continue
                queue = self._calls.get(head.get("id", 0))
                if queue is not None:
                    failed = head.get("op") == "error"
                    queue.put_nowait(error_from_json(head["error"]) if failed else (head, body))
        except asyncio.IncompleteReadError:
            await self._process.wait()
            ended = how_it_ended(self._process.returncode)
            said = f" ({one_line(self._said[-1])})" if self._said else ""
            self.why = f"The engine's process of {self.name!r} ended {ended}{said}."
            if not self._over.is_set():  # else it was asked to end
                _log.warning(self.why)
            self._fail(BackendUnavailable(self.why))
        except BackendProtocolError as error:
            self.why = str(error)
            self._fail(error)
            self._process.kill()

    async def _answer(self, head: Mapping[str, Any]) -> None:
        """What the engine asks of its context: files and secrets stay with the parent."""
        told: Head = {"op": "told", "id": head["id"]}
        try:
            if head["what"] == "path":
                path = await asyncio.to_thread(self._context.files.path, *head["arguments"])
                told["value"] = str(path)
            else:
                told["value"] = self._context.secret(*head["arguments"])
        except BackendError as error:
            told["error"] = error_to_json(error)
        with suppress(BackendError):
            await self._send(told)

    async def _listen(self) -> None:
        """Keep the last words that the child says on standard error."""
        assert self._process is not None
        assert self._process.stderr is not None
        while True:
            try:
                line = await self._process.stderr.readline()
            except ValueError:  # longer than the buffer: dropped
                continue
            if not line:
                return
            text = line.decode("utf-8", "replace").strip()
            if text:
                self._said.append(text)
                _log.debug("worker of %s: %s", self.name, text)

    async def _watch(self) -> None:
        """End a child that has something to do and says nothing for too long."""
        while not self._over.is_set():
            silent_s = time.monotonic() - self._heard if self._calls else 0.0
            if silent_s >= self._silence_s:
                self.why = f"The engine of {self.name!r} said nothing for {silent_s:.0f} s."
                _log.warning("%s Its process is ended.", self.why)
                self._fail(BackendTimeout(self.why))
                assert self._process is not None
                self._process.kill()
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), self._silence_s - silent_s)


class Replies:
    """What the child says to one call. `over` once its last word has been taken."""

    def __init__(self, queue: asyncio.Queue[Frame | BackendError]) -> None:
        self._queue = queue
        self.over = False

    async def get(self) -> Frame:
        """The next frame. Raises the error that the call ended with."""
        told = await self._queue.get()
        if isinstance(told, BackendError):
            self.over = True
            raise told
        self.over = told[0]["op"] in ("result", "end") or bool(told[0].get("last"))
        return told
