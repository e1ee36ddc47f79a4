"""Work that an event starts: held on to, awaited at the end, its failures logged."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

_log = structlog.get_logger(__name__)


class BackgroundTasks:
    """Owns a platform's tasks. At most `limit` run at once; more are turned away."""

    def __init__(self, platform: str, limit: int = 5000) -> None:
        self._platform = platform
        self._tasks: set[asyncio.Task[None]] = set()
        self._limit = limit

    def start(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        """Begin; what it raises goes to the log."""
        if len(self._tasks) >= self._limit:
            work.close()
            _log.error(f"{self._platform}.task_rejected", dropped=name, running=len(self._tasks))
            return
        task = asyncio.create_task(self._run(work, name), name=f"{self._platform} {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        try:
            await work
        except Exception:  # noqa: BLE001  # a task's top: one event must not end the others
            _log.exception(f"{self._platform}.event_failed", what=name)

    async def close(self) -> None:
        """Cancel what is still running, and wait for it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
