"""What a process does when it is told to end: it ends in order, or at once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

log = structlog.get_logger(__name__)


class StopSignals:
    """Cancels the task that made it when the process is told to end. `came` are the signals.

    At an `interactive` terminal Ctrl-C belongs to the chat: it stops an answer, or clears the line.
    """

    def __init__(self, *, interactive: bool) -> None:
        self.came: list[int] = []
        serving = asyncio.current_task()
        assert serving is not None
        self._serving = serving
        self._drain: Callable[[], Awaitable[None]] | None = None
        self._draining: asyncio.Task[None] | None = None
        self._cancelled = False
        loop = asyncio.get_running_loop()
        other = signal.SIGHUP if interactive else signal.SIGINT
        for name in (signal.SIGTERM, other):
            loop.add_signal_handler(name, self.stop, int(name))

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Do what this signal does: the first SIGTERM within `drained_by` drains, any other
        cancels the task; once it is cancelled, nothing."""
        first = not self.came
        self.came.append(number)
        if first and number == signal.SIGTERM and self._drain is not None:
            self._draining = asyncio.create_task(self._end_in_order(self._drain), name="drain")
        else:
            self._cancel()

    @asynccontextmanager
    async def drained_by(self, drain: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
        """While the block runs, the first SIGTERM has `drain` come to its end before the task is
        cancelled. Another signal does not wait for it."""
        self._drain = drain
        try:
            yield
        finally:
            self._drain = None
            if self._draining is not None:
                self._draining.cancel()
                await asyncio.wait([self._draining])

    async def _end_in_order(self, drain: Callable[[], Awaitable[None]]) -> None:
        try:
            await drain()
        except Exception:  # a task's top; the process ends all the same
            log.exception("app.drain_failed")
        self._cancel()

    def _cancel(self) -> None:
        if not self._cancelled:
            self._cancelled = True
            self._serving.cancel()
