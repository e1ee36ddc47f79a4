"""A server of tools as a child process, spoken to line by line over its standard input and output.

The SDK's own transport has no bound on a line, hides the process, and leaves what the server itself
has started. This one ends the whole process group, whatever happened before.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import anyio
from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter
from pydantic import ValidationError

MAX_LINE_BYTES: Final = 4 * 1024 * 1024
"""Longest message that is read; a server that sends a longer one is ended."""
GRACE_S: Final = 1.0
"""How long a server may take to end after its input was closed, and again after it was asked to,
in seconds."""
_CHUNK_BYTES: Final = 64 * 1024
_KEPT_CHUNKS: Final = 2
_MAX_SHOWN_CHARACTERS: Final = 500


@dataclass(slots=True)
class ServerProcess:
    """What is known of the process of a server while it runs, and after it."""

    pid: int | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it has ended or closed its output, so that nothing more can come."""
    said: deque[bytes] = field(default_factory=lambda: deque(maxlen=_KEPT_CHUNKS))
    """The end of what it wrote to standard error."""

    def kill(self) -> None:
        """End the process and those that it started. Does not wait."""
        if self.pid is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    @property
    def last_words(self) -> str:
        """The end of what it wrote to standard error, in a line; empty if it wrote nothing."""
        text = b"".join(self.said).decode("utf-8", "replace")
        return " ".join(text.split())[-_MAX_SHOWN_CHARACTERS:]


class _Watched(asyncio.subprocess.SubprocessStreamProtocol):
    """Notes the end of the process at once: its output may be held open by what it has started."""

    def __init__(self, process: ServerProcess, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(MAX_LINE_BYTES, loop)
        self._process = process

    def process_exited(self) -> None:
        super().process_exited()
        self._process.ended.set()


@asynccontextmanager
async def run_server(
    process: ServerProcess,
    command: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    folder: Path | None,
) -> AsyncGenerator[tuple[Any, Any]]:
    """Start a server in a process group of its own; yields the streams of the SDK. Ends it, and all
    that it started, with the block. Raises `OSError` where it cannot be started."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.subprocess_exec(
        lambda: _Watched(process, loop),
        command,
        *arguments,
        cwd=folder,
        env=get_default_environment() | dict(environment),
        start_new_session=True,
    )
    child = asyncio.subprocess.Process(transport, protocol, loop)
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    stdin, stdout, stderr = child.stdin, child.stdout, child.stderr
    process.pid = child.pid
    to_us, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write, from_us = anyio.create_memory_object_stream[SessionMessage](0)

    async def take() -> None:
        try:
            async for line in stdout:
                with suppress(ValidationError):  # not a message: a word for whoever looks on
                    message = jsonrpc_message_adapter.validate_json(line, by_name=False)
                    await to_us.send(SessionMessage(message))
        except ValueError:  # a line without an end
            process.kill()
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass
        finally:
            process.ended.set()
            to_us.close()

    async def give() -> None:
        with suppress(OSError, anyio.ClosedResourceError):
            async for one in from_us:
                text = one.message.model_dump_json(by_alias=True, exclude_unset=True)
                stdin.write(text.encode() + b"\n")
                await stdin.drain()

    async def hear() -> None:
        while chunk := await stderr.read(_CHUNK_BYTES):
            process.said.append(chunk)

    tasks = [asyncio.create_task(work()) for work in (take, give, hear)]
    try:
        yield read, write
    finally:
        try:
            for end in (stdin.close, child.terminate):
                with suppress(TimeoutError, OSError):
                    end()
                    await asyncio.wait_for(child.wait(), GRACE_S)
                    break
        finally:  # nothing here waits, so no second cancellation can come in between
            process.kill()  # also where the server has ended, since what it started may live
            process.pid = None
            for task in tasks:
                task.cancel()
            for stream in (to_us, read, write, from_us):
                stream.close()
            transport.close()
            ending = asyncio.create_task(child.wait(), name=f"end of {command}")
        await asyncio.wait([*tasks, ending], timeout=GRACE_S)
