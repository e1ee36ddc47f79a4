"""Enters the lifespans of plugins when the bot starts, and leaves them when it stops.

Each runs in a task of its own, so that whatever a plugin does there (raise, hang, cancel its own
task) ends nothing but itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import structlog

from bot.skills.plugin_declarations import Lifespan, PluginProblem
from bot.skills.services import Services

log = structlog.get_logger(__name__)

START_TIMEOUT_S = 30.0
"""How long a plugin may take to start, in seconds; the bot waits for it."""
STOP_TIMEOUT_S = 3.0
_CANCEL_TIMEOUT_S = 1.0


@asynccontextmanager
async def run_lifespans(
    lifespans: Sequence[tuple[str, Lifespan]],
    services: Services,
    *,
    start_timeout_s: float = START_TIMEOUT_S,
    stop_timeout_s: float = STOP_TIMEOUT_S,
) -> AsyncIterator[Sequence[PluginProblem]]:
    """Enter the lifespans (each with its plugin's name) in order; leave them in reverse order.

    Yields a problem for each plugin whose lifespan could not be entered. One that fails later, or
    takes too long to be left, is named in the log.
    """
    async with AsyncExitStack() as stack:
        problems: list[PluginProblem] = []
        for name, lifespan in lifespans:
            running = _RunningLifespan(name, lifespan, services)
            stack.push_async_callback(running.stop, stop_timeout_s)
            if reason := await running.start(start_timeout_s):
                problems.append(PluginProblem(name, reason))
        yield problems


class _RunningLifespan:
    """The task that enters, keeps and leaves the lifespan of one plugin."""

    def __init__(self, plugin: str, lifespan: Lifespan, services: Services) -> None:
        self._plugin = plugin
        self._lifespan = lifespan
        self._services = services
        self._entered = asyncio.Event()
        self._stopping = asyncio.Event()
        self._failure = ""
        self._task = asyncio.create_task(self._run(), name=f"lifespan of plugin {plugin}")

    async def start(self, timeout_s: float) -> str:
        """Wait until it is entered; returns why it is not, or ""."""
        entered = asyncio.create_task(self._entered.wait())
        try:
            await asyncio.wait(
                [entered, self._task], timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            entered.cancel()
        if self._entered.is_set():
            log.debug("plugin.started", plugin=self._plugin)
            return ""
        if not self._task.done():
            await self._cancel()
            self._failure = f"it took longer than {timeout_s:.0f} s"
            log.error("plugin.start_timed_out", plugin=self._plugin, seconds=timeout_s)
        return (
            f"its lifespan could not be entered: {self._failure}. Its commands and answers are "
            "left out."
        )

    async def stop(self, timeout_s: float) -> None:
        """Leave it, and wait until that is done; it is cancelled where that takes too long."""
        self._stopping.set()
        await asyncio.wait([self._task], timeout=timeout_s)
        if not self._task.done():
            log.error("plugin.stop_timed_out", plugin=self._plugin, seconds=timeout_s)
            await self._cancel()

    async def _run(self) -> None:
        try:
            async with self._lifespan(self._services):
                self._entered.set()
                await self._stopping.wait()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a plugin may raise anything, also a CancelledError
            self._failure = f"{type(error).__name__}: {error}".rstrip(": .")
            if self._stopping.is_set():
                event = "plugin.stop_failed"
            else:
                event = "plugin.lifespan_ended" if self._entered.is_set() else "plugin.start_failed"
            log.error(event, plugin=self._plugin, exc_info=True)

    async def _cancel(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task], timeout=_CANCEL_TIMEOUT_S)
