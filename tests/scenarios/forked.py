"""Starts processes by the fork server, as `asyncio` starts them by `exec`."""

from __future__ import annotations

import asyncio
import atexit
import functools
import json
import os
import signal
import socket
import subprocess
import sys
from asyncio.streams import FlowControlMixin
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

ROOT = Path(__file__).resolve().parents[2]

_CAN_FORK = hasattr(os, "pidfd_open")
"""Whether this system has what the server needs; where not, every process is started by `exec`."""


async def start(
    module: str,
    *arguments: str,
    env: Mapping[str, str],
    stdin: int = PIPE,
    stdout: int = PIPE,
    stderr: int = PIPE,
    cwd: Path = ROOT,
) -> Process:
    """`python -m MODULE ARGUMENTS…`, in the project's folder unless another is named."""
    if not _CAN_FORK:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, *arguments),
            cwd=cwd, env=env, stdin=stdin, stdout=stdout, stderr=stderr,
        )  # fmt: skip
    streams = SimpleNamespace(stdin=None, stdout=None, stderr=None)
    order = {"module": module, "arguments": arguments, "env": dict(env), "cwd": str(cwd)}
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    with ExitStack() as given:
        given.enter_context(theirs)
        handles = [
            await _open_input(streams, stdin, given),
            await _open_output(streams, "stdout", stdout, given),
            await _open_output(streams, "stderr", stderr, given),
        ]
        message = json.dumps(order).encode()
        socket.send_fds(_server(), [message], [*handles, theirs.fileno()])
    pid = int(await asyncio.get_running_loop().sock_recv(ours, 32))
    loop = asyncio.get_running_loop()
    return Process(cast(Any, _Transport(pid, ours)), cast(Any, streams), loop)


class _Transport:
    """What `Process` asks of the transport of a process."""

    def __init__(self, pid: int, reply: socket.socket) -> None:
        self._pid = pid
        self._reply = reply
        self._status: int | None = None
        self._ending = asyncio.create_task(self._await_end())

    async def _await_end(self) -> int:
        with self._reply:
            self._status = int(await asyncio.get_running_loop().sock_recv(self._reply, 32))
        return self._status

    async def _wait(self) -> int:
        return await asyncio.shield(self._ending)

    def get_pid(self) -> int:
        return self._pid

    def get_returncode(self) -> int | None:
        return self._status

    def get_pipe_transport(self, number: int) -> asyncio.BaseTransport:
        return SimpleNamespace(close=lambda: None)  # type: ignore[return-value]

    def send_signal(self, number: int) -> None:
        if self._status is None:
            os.kill(self._pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class _Written(FlowControlMixin):
    """The protocol of a pipe that is only written to."""

    def _get_close_waiter(self, stream: Any) -> asyncio.Future[None]:
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


async def _open_input(streams: SimpleNamespace, given: int, stack: ExitStack) -> int:
    if given != PIPE:
        return _handle(given, os.O_RDONLY, stack)
    loop = asyncio.get_running_loop()
    read, write = os.pipe()
    stack.callback(os.close, read)
    pipe = open(write, "wb", 0)  # noqa: ASYNC230, SIM115 - a pipe that its transport closes
    transport, protocol = await loop.connect_write_pipe(_Written, pipe)
    streams.stdin = asyncio.StreamWriter(transport, protocol, None, loop)
    return read


async def _open_output(streams: SimpleNamespace, name: str, given: int, stack: ExitStack) -> int:
    if given != PIPE:
        return _handle(given, os.O_WRONLY, stack)
    loop = asyncio.get_running_loop()
    read, write = os.pipe()
    stack.callback(os.close, write)
    reader = asyncio.StreamReader()
    pipe = open(read, "rb", 0)  # noqa: ASYNC230, SIM115 - a pipe that its transport closes
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    setattr(streams, name, reader)
    return write


def _handle(given: int, flags: int, stack: ExitStack) -> int:
    if given != DEVNULL:
        return given
    opened = os.open(os.devnull, flags)
    stack.callback(os.close, opened)
    return opened


@functools.cache
def _server() -> socket.socket:
    """The server's end, one for all tests of this process; it ends with us."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        handle = theirs.fileno()
        program = (sys.executable, "-m", "tests.scenarios.fork_server", str(handle))
        env = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        server = subprocess.Popen(program, cwd=ROOT, env=env, pass_fds=(handle,))

    def end() -> None:
        ours.close()
        server.wait()

    atexit.register(end)
    return ours
