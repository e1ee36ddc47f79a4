"""Starts and controls the child process that reads documents.

It is started for the first document, kept for the next ones, and ended when idle. A document that
uses too much time or memory, or crashes the process, is refused, and the next one gets a new
process. Cancelling a read ends the process.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress

import structlog

from backends.errors import BackendProtocolError
from backends.worker.frames import LENGTHS_FORMAT, Head, pack_head, parse_head, unpack_lengths
from bot.catalogue.sentence import say
from bot.config.knowledge import LoadingSettings
from bot.errors import Refused
from bot.knowledge.loading.block_frames import decode_blocks, decode_left_out
from bot.knowledge.loading.document import RawDocument
from bot.knowledge.loading.limits import MEMORY_IS_COUNTED
from bot.knowledge.loading.memory_watch import watch_memory
from bot.knowledge.loading.noise import read_noise
from bot.knowledge.loading.sentence_frames import decode_sentence
from bot.knowledge.loading.sitemap import Sitemap
from bot.skills.document_loader import Loaded, NoText

log = structlog.get_logger(__name__)
Frame = tuple[Head, bytearray]

IDLE_TIMEOUT_S = 30.0
"""How long an idle process is kept."""
_START_TIMEOUT_S = 60.0
_MAX_WRITE_BYTES = 256 * 1024
_CHILD_PROGRAM = (
    "import importlib, json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "importlib.import_module(sys.argv[1]).main()"
)
_INHERITED_VARIABLES = (
    "HOME",
    "LANG",
    "LANGUAGE",
    "PATH",
    "TEMP",
    "TMP",
    "TMPDIR",
    "TZ",
    "VIRTUAL_ENV",
)
_INHERITED_PREFIXES = ("DYLD_", "LC_", "LD_", "PYTHON")


class LoaderFailed(Exception):
    """A loader raised an unexpected error, or the process did not start; has the traceback."""


class ReadingProcess:
    """A child process that runs a module and answers one request after another.

    `setup` is what the module's start is told.
    """

    def __init__(
        self,
        module: str,
        limits: LoadingSettings,
        setup: Head,
        *,
        idle_s: float = IDLE_TIMEOUT_S,
        memory_is_counted: bool = MEMORY_IS_COUNTED,
    ) -> None:
        self._module = module
        self._limits = limits
        self._setup = setup
        self._idle_s = idle_s
        self._memory_is_counted = memory_is_counted
        self._memory = limits.memory_mb * 1024**2
        self._lock = asyncio.Lock()
        self._child: _LoaderChild | None = None
        self._idle_task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process, where there is one."""
        return None if self._child is None else self._child.pid

    async def ask(self, called: str, head: Head, data: bytes) -> Frame:
        """Sends one request, and returns its answer. Raises `Refused` or `LoaderFailed`."""
        async with self._lock:
            if self._idle_task is not None:
                self._idle_task.cancel()
            try:
                answer, text = await self._exchange(called, head, data)
            except BaseException:
                await self._end()
                raise
            if answer.get("last"):
                await self._end()
            else:
                self._idle_task = asyncio.create_task(self._end_idle(), name="documents: idle")
        if noise := read_noise(answer.get("noise")):
            log.debug("documents.noise", document=called, noise=noise)
        match answer["op"]:
            case "read":
                return answer, text
            case "refused":
                raise Refused(decode_sentence(answer.get("why")))
            case "large":
                raise _too_large(called)
        raise LoaderFailed(str(answer.get("trace")))

    async def aclose(self) -> None:
        """End the process. Safe to call twice."""
        if self._idle_task is not None:
            self._idle_task.cancel()
            await asyncio.wait([self._idle_task])
        await self._end()

    async def _exchange(self, called: str, head: Head, data: bytes) -> Frame:
        child = self._child or await self._start_child()
        memory = self._memory if self._memory_is_counted else 0
        head |= {"cpu_s": self._limits.cpu_s, "memory": memory}
        max_bytes = 0 if self._memory_is_counted else self._memory
        async with watch_memory(child.pid, max_bytes) as watch:
            try:
                async with asyncio.timeout(self._limits.wall_s):
                    return await child.ask(head, data)
            except TimeoutError:
                raise _too_long(called) from None
            except BackendProtocolError:
                raise _broken(called) from None
            except (EOFError, ConnectionError):
                status = await child.wait()
                raise (
                    _too_large(called)
                    if watch.limit_exceeded
                    else _refusal_for_status(called, status)
                ) from None

    async def _start_child(self) -> _LoaderChild:
        self._child = child = await _LoaderChild.spawn(self._module)
        memory = self._memory if self._memory_is_counted else 0
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                head: Head = {"op": "start", "memory": memory, **self._setup}
                answer, _ = await child.ask(head)
        except (TimeoutError, EOFError, ConnectionError, BackendProtocolError):
            raise LoaderFailed("The process that reads documents did not start.") from None
        if answer["op"] != "started":
            raise LoaderFailed(str(answer.get("trace")))
        return child

    async def _end_idle(self) -> None:
        await asyncio.sleep(self._idle_s)
        async with self._lock:
            await self._end()

    async def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            await child.wait()


class LoaderProcess(ReadingProcess):
    """Reads documents in a child process, one after another.

    `plugins` describes the plugins that have loaders (`document_reader.describe_plugins`).
    """

    def __init__(
        self,
        limits: LoadingSettings,
        plugins: Head | None = None,
        *,
        idle_s: float = IDLE_TIMEOUT_S,
        memory_is_counted: bool = MEMORY_IS_COUNTED,
    ) -> None:
        super().__init__(
            "bot.knowledge.loading.child",
            limits,
            {"plugins": plugins},
            idle_s=idle_s,
            memory_is_counted=memory_is_counted,
        )

    async def load(self, raw: RawDocument, *, for_search: bool = True) -> Loaded:
        """Reads one document. Raises `Refused` or `LoaderFailed`."""
        head: Head = {
            "op": "load",
            "name": raw.name,
            "called": raw.called,
            "content_type": raw.content_type,
            "charset": raw.charset,
            "for_search": for_search,
        }
        answer, data = await self.ask(raw.title, head, raw.data)
        try:
            unread = tuple(map(int, answer["unread_pages"]))
            if "no_text" in answer:
                raise NoText(decode_sentence(answer["no_text"]), unread)
            blocks = await asyncio.to_thread(decode_blocks, data)
            left_out = decode_left_out(str(answer["left_out"]))
        except (KeyError, TypeError, ValueError):
            raise _broken(raw.title) from None
        return Loaded("", str(answer["title"]), blocks, left_out, unread)

    async def sitemap(self, data: bytes, url: str) -> Sitemap | None:
        """Reads the sitemap of a URL; None if it is not one. Raises as `load` does."""
        answer, _ = await self.ask(say("The sitemap"), {"op": "sitemap", "url": url}, data)
        found = answer["sitemap"]
        if not found:
            return None
        places, dates = (tuple(map(str, found[name])) for name in ("locations", "dates"))
        return Sitemap(bool(found["index"]), places, dates)


class _LoaderChild:
    """The running process: takes one request frame and returns one answer frame."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def spawn(cls, module: str) -> _LoaderChild:
        return cls(
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", _CHILD_PROGRAM, module, json.dumps(sys.path)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,  # `noise` counts what comes there later
                env=_environment(),
                start_new_session=True,
            )
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ask(self, head: Head, body: bytes = b"") -> Frame:
        """Raises `EOFError` or `ConnectionError` where the process ends, `BackendProtocolError`
        where its answer is none."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(pack_head(head, len(body)))
        whole = memoryview(body)
        for at in range(0, len(whole), _MAX_WRITE_BYTES):  # the pipe copies what it cannot take
            stdin.write(whole[at : at + _MAX_WRITE_BYTES])
            await stdin.drain()
        await stdin.drain()
        head_size, body_size = unpack_lengths(await stdout.readexactly(LENGTHS_FORMAT.size))
        answer = parse_head(await stdout.readexactly(head_size))
        if not isinstance(answer.get("op"), str):
            raise BackendProtocolError("A child process sent something that is no answer.")
        return answer, await _read_body(stdout, body_size)

    def kill(self) -> None:
        """End it, and all that a loader may have started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        if self._process.stdin is not None:
            self._process.stdin.close()

    async def wait(self) -> int:
        return await self._process.wait()


async def _read_body(stream: asyncio.StreamReader, size: int) -> bytearray:
    """Read a body piece by piece: whole, it would be copied at once. Raises `EOFError`."""
    body = bytearray(size)
    at = 0
    while at < size:
        piece = await stream.read(size - at)
        if not piece:
            raise EOFError
        body[at : at + len(piece)] = piece
        at += len(piece)
    return body


def _environment() -> dict[str, str]:
    """Returns the environment variables that programs need to run, and no others: no secrets."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in _INHERITED_VARIABLES or name.startswith(_INHERITED_PREFIXES)
    }


def _refusal_for_status(called: str, status: int) -> Refused:
    """By what ended the process. Libraries abort where they are refused memory, and the system
    kills whoever takes too much of what there is."""
    if status == -signal.SIGXCPU:
        return _too_long(called)
    return _too_large(called) if status in (-signal.SIGABRT, -signal.SIGKILL) else _broken(called)


def _too_large(called: str) -> Refused:
    return Refused(say("{called} is too large to be read.", called=called))


def _too_long(called: str) -> Refused:
    return Refused(say("{called} takes too long to be read.", called=called))


def _broken(called: str) -> Refused:
    return Refused(
        say("{called} cannot be read: it breaks the program that reads it.", called=called)
    )
