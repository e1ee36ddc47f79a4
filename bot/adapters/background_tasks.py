"""Tasks that a platform's events start: owned, awaited at shutdown, failures logged."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

_log = structlog.get_logger(__name__)


class BackgroundTasks:
    """Owns the tasks of one platform. At most `limit` run at once; further ones are rejected."""

    def __init__(self, platform: str, limit: int = 5000) -> None:
        self._platform = platform
        self._tasks: set[asyncio.Task[None]] = set()
        self._limit = limit

    def start(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        """Run `work` as a task and return at once; exceptions are logged, not raised.

        When `limit` tasks run already, `work` is closed and an error is logged.
        """
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
        """Cancel the tasks that still run, and wait for them to end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
