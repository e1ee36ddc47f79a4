"""Tasks that a platform's events start: owned, awaited at shutdown, failures logged."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import structlog

from backends.lru import LruDict
from bot.catalogue.sentence import say
from bot.errors import StorageError
from bot.replies.protocol import Sink
from bot.types import Notice, View

_log = structlog.get_logger(__name__)

MAX_TASKS = 5000
MAX_TASKS_PER_PLACE = 200
BUSY = say("I cannot take this just now; try again in about 30 s.")
"""What a person is told whose event is not taken."""
REFUSAL = Notice(BUSY, "refusal", private=True)
_MAX_REFUSALS = 20
"""Refusals that are sent at the same time; further ones are left out."""
_REFUSAL_PAUSE_S = 30.0
"""Time after a refusal in which the same place gets no other, in seconds."""
_REFUSAL_TIMEOUT_S = 30.0
_MAX_REMEMBERED_PLACES = 5000


@dataclass(frozen=True, slots=True)
class Refusal:
    """How to tell a person that their event is not taken.

    `place` names the person and where they are. `send` tells them that the bot is busy.
    """

    place: str
    send: Callable[[], Awaitable[object]]


async def refuse(sink: Sink) -> None:
    """End a reply that was never begun: the bot is too busy for it."""
    async with asyncio.timeout(_REFUSAL_TIMEOUT_S):
        await sink.finish(
            View(uuid.uuid4().hex, notices=(REFUSAL,), state="refused", audience="asker")
        )


class BackgroundTasks:
    """Owns the tasks of one platform. At most `limit` run at once, and at most 200 of those that
    belong to one place; further ones are refused."""

    def __init__(
        self,
        platform: str,
        limit: int = MAX_TASKS,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._platform = platform
        self._tasks: set[asyncio.Task[None]] = set()
        self._by_place: Counter[str] = Counter()
        self._limit = limit
        self._clock = clock
        self._refusals: set[asyncio.Task[None]] = set()
        self._refused_at: LruDict[str, float] = LruDict(_MAX_REMEMBERED_PLACES)

    def start(
        self,
        work: Coroutine[Any, Any, Any],
        name: str,
        refusal: Refusal | None = None,
        *,
        place: str | None = None,
    ) -> None:
        """Run `work` as a task and return at once; exceptions are logged, not raised.

        When too many tasks run already, `work` is closed, an error is logged, and the `refusal` is
        sent; also where the database could not be used. It cannot pile up: each place gets one in
        30 seconds, and at most 20 are under way.
        """
        if len(self._tasks) < self._limit and (
            place is None or self._by_place[place] < MAX_TASKS_PER_PLACE
        ):
            task = self._own(self._tasks, work, name, refusal)
            if place is not None:
                self._by_place[place] += 1
                task.add_done_callback(lambda _: self._leave(place))
            return
        work.close()
        _log.error(f"{self._platform}.task_rejected", dropped=name, running=len(self._tasks))
        self._refuse(refusal, name)

    def _refuse(self, refusal: Refusal | None, name: str) -> None:
        if refusal is not None and len(self._refusals) < _MAX_REFUSALS:
            told_at = self._refused_at.get(refusal.place)
            if told_at is None or self._clock() - told_at >= _REFUSAL_PAUSE_S:
                self._refused_at[refusal.place] = self._clock()
                self._own(self._refusals, refusal.send(), f"refusal of {name}")

    def _leave(self, place: str) -> None:
        self._by_place[place] -= 1
        if not self._by_place[place]:
            del self._by_place[place]

    def _own(
        self,
        tasks: set[asyncio.Task[None]],
        work: Awaitable[object],
        name: str,
        refusal: Refusal | None = None,
    ) -> asyncio.Task[None]:
        running = self._run(work, name, refusal)
        task = asyncio.create_task(running, name=f"{self._platform} {name}")
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return task

    async def _run(self, work: Awaitable[object], name: str, refusal: Refusal | None) -> None:
        try:
            await work
        except StorageError as error:
            _log.error(f"{self._platform}.event_not_taken", what=name, reason=str(error))
            self._refuse(refusal, name)
        except Exception:  # noqa: BLE001  # a task's top: one event must not end the others
            _log.exception(f"{self._platform}.event_failed", what=name)

    async def close(self) -> None:
        """Cancel the tasks that still run, and wait for them to end."""
        running = [*self._tasks, *self._refusals]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
