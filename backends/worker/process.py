"""One child process of a worker: its pipes, its calls in flight, and its time limit."""

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
from backends.remote import shorten_to_line
from backends.worker.frames import LENGTHS_FORMAT, Head, pack_frame, parse_head, unpack_lengths
from backends.worker.processes import child_environment, describe_exit, end_process
from backends.worker.wire import error_from_json, error_to_json

Frame = tuple[Head, bytes]

_TERMINATION_GRACE_S = 3.0
_START_TIMEOUT_S = 60.0

_log = logging.getLogger(__name__)


class ChildProcess:
    """One child process: its pipes, its calls in flight, and the tasks that serve it."""

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
        """Start it. Raises the engine's own error, or `BackendUnavailable` if the process ends."""
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
                asyncio.timeout(_START_TIMEOUT_S),
                self.call({**head, "path": sys.path}) as replies,
            ):
                told, _ = await replies.get()
        except TimeoutError:
            self.why = (
                f"The engine's process of {self.name!r} did not start in {_START_TIMEOUT_S:.0f} s."
            )
            raise BackendUnavailable(self.why) from None
        self.ready = True
        self._attend(self._watch())
        return told

    @asynccontextmanager
    async def call(self, head: Head) -> AsyncGenerator[ReplyStream, None]:
        """Send a call; if the caller leaves early, cancel the call and wait until it has ended."""
        number = next(self._numbers)
        queue: asyncio.Queue[Frame | BackendError] = asyncio.Queue()  # bounded by max_tokens
        if not self._calls:
            self._heard = time.monotonic()
        self._calls[number] = queue
        replies = ReplyStream(queue)
        try:
            await self._send({**head, "id": number})
            yield replies
            self.answered = self.answered or head["op"] in ("chat", "embed")
        finally:
            if not replies.over and self.alive:
                with suppress(TimeoutError, BackendError):
                    async with asyncio.timeout(_TERMINATION_GRACE_S):
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
                await asyncio.wait_for(self._process.wait(), _TERMINATION_GRACE_S)
            await end_process(self._process, _TERMINATION_GRACE_S)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _send(self, head: Head) -> None:
        process = self._process
        if not self.alive or process is None or process.stdin is None:
            raise BackendUnavailable(self.why)
        try:
            process.stdin.write(pack_frame(head))
            await process.stdin.drain()
        except (ConnectionError, RuntimeError):
            raise BackendUnavailable(self.why) from None

    def _fail(self, error: BackendError) -> None:
        """End every call in flight with this error."""
        self._over.set()
        for queue in self._calls.values():
            queue.put_nowait(error)

    def _attend(self, work: Any) -> None:
        task = asyncio.create_task(work, name=f"worker of {self.name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read(self) -> None:
        """Pass every frame to the call that waits for it, until the child has ended."""
        assert self._process is not None
        assert self._process.stdout is not None
        stdout = self._process.stdout
        try:
            while True:
                head_size, body_size = unpack_lengths(await stdout.readexactly(LENGTHS_FORMAT.size))
                head = parse_head(await stdout.readexactly(head_size))
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
            ended = describe_exit(self._process.returncode)
            said = f" ({shorten_to_line(self._said[-1])})" if self._said else ""
            self.why = f"The engine's process of {self.name!r} ended {ended}{said}."
            if not self._over.is_set():  # else it was asked to end
                _log.warning("worker.process_ended model=%s reason=%r", self.name, self.why)
            self._fail(BackendUnavailable(self.why))
        except BackendProtocolError as error:
            self.why = str(error)
            self._fail(error)
            self._process.kill()

    async def _answer(self, head: Mapping[str, Any]) -> None:
        """Answer what the engine asks of its context: files and secrets stay with the parent."""
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
        """Keep the last lines that the child writes to standard error."""
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
                _log.debug("worker.output_received model=%s text=%r", self.name, text)

    async def _watch(self) -> None:
        """End a child that has work and sends nothing for too long."""
        while not self._over.is_set():
            silent_s = time.monotonic() - self._heard if self._calls else 0.0
            if silent_s >= self._silence_s:
                self.why = f"The engine of {self.name!r} said nothing for {silent_s:.0f} s."
                _log.warning("worker.process_timed_out model=%s reason=%r", self.name, self.why)
                self._fail(BackendTimeout(self.why))
                assert self._process is not None
                self._process.kill()
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), self._silence_s - silent_s)


class ReplyStream:
    """The child's replies to one call. `over` is true once the last has been taken."""

    def __init__(self, queue: asyncio.Queue[Frame | BackendError]) -> None:
        self._queue = queue
        self.over = False

    async def get(self) -> Frame:
        """Return the next frame. Raises the error that the call ended with."""
        told = await self._queue.get()
        if isinstance(told, BackendError):
            self.over = True
            raise told
        self.over = told[0]["op"] in ("result", "end") or bool(told[0].get("last"))
        return told
