"""A model server as a child process: a llamafile or llama-server binary, started and supervised.

It listens on a free port of this machine. `{port}` and `{host}` in the command are replaced; a
command without `{port}` gets `--host 127.0.0.1 --port N`, which both binaries understand.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
import time
from collections import deque
from collections.abc import Sequence

import httpx

from backends.errors import BackendUnavailable
from backends.remote import shorten_to_line
from backends.worker.processes import child_environment, describe_exit, end_process

_STEADY_LIFETIME_S = 60.0
"""A server that lived this long is started again at once when it ends, without a pause."""
_POLL_INTERVAL_S = 0.1
_TERMINATION_GRACE_S = 5.0

_log = logging.getLogger(__name__)


class ServerProcess:
    """Runs the command from the first `url()` until `aclose()`, and restarts it if it ends.

    The pause between two failures doubles each time, up to `longest_pause_s`.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        ready_s: float = 300.0,
        first_pause_s: float = 1.0,
        longest_pause_s: float = 60.0,
    ) -> None:
        self._command = tuple(command)
        self._what = f"The server {os.path.basename(command[0])!r}"
        self._ready_s = ready_s
        self._first_pause_s = first_pause_s
        self._longest_pause_s = longest_pause_s
        self._url: str | None = None
        self._changed = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._said: deque[str] = deque(maxlen=20)
        self._retry_at = 0.0
        self._closed = False
        self.starts = 0
        self.failure: BackendUnavailable | None = None
        """Why it is not running, while it is not."""

    @property
    def ready(self) -> bool:
        return self._url is not None

    def describe(self) -> str:
        """Return one sentence about its state, for an operator."""
        if self.ready:
            return f"{self._what} is running at {self._url}."
        if self.failure is not None:
            return str(self.failure)
        return f"{self._what} is started at first use."

    async def url(self) -> str:
        """Return the address of its `/v1`, once it answers.

        Raises `BackendUnavailable` if it does not start, or during a pause after a failure.
        """
        if self._closed:
            raise BackendUnavailable(f"{self._what} has been stopped.")
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep(), name=f"keeper of {self._what}")
        while self._url is None:
            if self.failure is not None:
                raise self.failure
            changed = self._changed
            await changed.wait()
        return self._url

    async def aclose(self) -> None:
        """Terminate it, and kill it if it still runs after five seconds."""
        self._closed = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None

    async def _keep(self) -> None:
        pause_s = self._first_pause_s
        while True:
            began = time.monotonic()
            try:
                why = await self._run_once()
            except OSError as error:
                why = f"cannot be started: {error.strerror}"
            if time.monotonic() - began >= _STEADY_LIFETIME_S:
                _log.warning("server_process.restarting server=%r reason=%r", self._what, why)
                pause_s = self._first_pause_s
                continue
            said = f" ({shorten_to_line(self._said[-1])})" if self._said else ""
            _log.warning(
                "server_process.failed server=%r reason=%r pause_s=%.0f",
                self._what,
                f"{why}{said}",
                pause_s,
            )
            self.failure = BackendUnavailable(
                f"{self._what} {why}{said}; it is started again in {pause_s:.0f} s."
            )
            self._tell()
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, self._longest_pause_s)
            self.failure = None

    async def _run_once(self) -> str:
        """Start it, wait until it answers, then until it ends. Returns how it ended."""
        port = _free_port()
        self._said.clear()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "backends.worker.watchdog",
            *self._arguments(port),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=child_environment(),
            start_new_session=True,
        )
        self._process = process
        self.starts += 1
        listening = asyncio.create_task(self._listen(process), name=f"output of {self._what}")
        try:
            if not await self._answers(process, port):
                if process.returncode is None:
                    return f"did not answer within {self._ready_s:.0f} s"
            else:
                self._url = f"http://127.0.0.1:{port}/v1"
                self._tell()
            status = await process.wait()
            await asyncio.wait([listening], timeout=1.0)
            return f"ended {describe_exit(status)}"
        finally:
            self._url = None
            await end_process(process, _TERMINATION_GRACE_S)
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    def _arguments(self, port: int) -> list[str]:
        if any("{port}" in part for part in self._command):
            return [
                part.replace("{port}", str(port)).replace("{host}", "127.0.0.1")
                for part in self._command
            ]
        return [*self._command, "--host", "127.0.0.1", "--port", str(port)]

    async def _answers(self, process: asyncio.subprocess.Process, port: int) -> bool:
        """Wait until `/health` (or, without it, anything) answers; return False if it ends
        first.
        """
        until = time.monotonic() + self._ready_s
        async with httpx.AsyncClient(trust_env=False, timeout=5.0, verify=False) as client:
            while process.returncode is None and time.monotonic() < until:
                with contextlib.suppress(httpx.HTTPError):
                    answer = await client.get(f"http://127.0.0.1:{port}/health")
                    if answer.status_code < 500:
                        return True
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), _POLL_INTERVAL_S)
        return False

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:  # longer than the buffer: dropped
                continue
            if not line:
                return
            text = line.decode("utf-8", "replace").strip()
            if text:
                self._said.append(text)
                _log.debug("server_process.output_received server=%r text=%r", self._what, text)

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
