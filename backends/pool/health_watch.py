"""Asks in the background which replicas can answer, so that no request has to find it out.

A model with several replicas is watched while the pool lives, a sole replica only after a failure.
A replica is asked again after `interval_s`; twice as long each time, up to `_LONGEST_GAP_S`, while
nobody uses the pool or while the replica does not answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from backends.base import Health
from backends.pool.replica import Replica

_LONGEST_GAP_S = 300.0
_LONGEST_GAP_UNWELL_S = 60.0
_LOOK_TIMEOUT_S = 10.0

_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Watched:
    replica: Replica
    model: str
    sole: bool
    refresh: Callable[[], None]
    """Starts requests that can run now, after the replica has changed."""
    gap_s: float
    due: float = 0.0
    answered: int = 0
    """The replica's answers up to the last look."""

    @property
    def wanted(self) -> bool:
        return not self.sole or self.replica.unwell or self.replica.pause_left_s > 0


class HealthWatch:
    """The looks at all replicas of a pool, in one task; `aclose` ends it."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._watched: list[_Watched] = []
        self._by_replica: Mapping[Replica, _Watched] = {}
        self._task: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        self._used_at = float("-inf")
        self._closed = False

    def watch(self, model: str, replicas: Sequence[Replica], refresh: Callable[[], None]) -> None:
        """Add a model's replicas."""
        sole = len(replicas) == 1
        self._watched += [
            _Watched(replica, model, sole, refresh, self._interval_s) for replica in replicas
        ]
        self._by_replica = {each.replica: each for each in self._watched}

    def note_use(self) -> None:
        """Note a request: looks that became rare come at their interval again."""
        now = _now()
        idle = now - self._used_at > self._interval_s
        self._used_at = now
        if not idle:
            return
        for each in self._watched:
            if not each.replica.unwell:
                each.gap_s, each.due = self._interval_s, min(each.due, now + self._interval_s)
        self._wake()

    def note_failure(self, replica: Replica) -> None:
        """Look at a replica at once, which has failed."""
        each = self._by_replica[replica]
        each.gap_s, each.due = self._interval_s, 0.0
        self._wake()

    async def aclose(self) -> None:
        """End the task. Safe to call twice."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _wake(self) -> None:
        if self._closed or not any(each.wanted for each in self._watched):
            return
        self._woken.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="pool: health")

    async def _run(self) -> None:
        """Look at what is due until nothing is to be watched."""
        while wanted := [each for each in self._watched if each.wanted]:
            self._woken.clear()
            now = _now()
            await asyncio.gather(*(self._look(each) for each in wanted if each.due <= now))
            wait_s = max(0.0, min(each.due for each in wanted) - _now())
            try:
                async with asyncio.timeout(wait_s):
                    await self._woken.wait()
            except TimeoutError:
                pass

    async def _look(self, each: _Watched) -> None:
        replica = each.replica
        began = _now()
        served, each.answered = replica.answered > each.answered, replica.answered
        if served and not replica.unwell and not replica.pause_left_s:
            health = Health(True)
        else:
            health = await _ask(replica)
        was_unwell = replica.unwell
        replica.record_health(health)
        longest_s = _LONGEST_GAP_UNWELL_S if replica.unwell else _LONGEST_GAP_S
        idle = began - self._used_at > each.gap_s
        if replica.unwell or idle:
            each.gap_s = min(2 * each.gap_s, max(longest_s, self._interval_s))
        else:
            each.gap_s = self._interval_s
        each.due = _now() + each.gap_s
        if replica.unwell != was_unwell:
            _log.warning(
                "pool.replica_%s model=%s replica=%d detail=%r",
                "lost" if replica.unwell else "returned",
                each.model,
                replica.index,
                health.detail,
            )
            each.refresh()


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _ask(replica: Replica) -> Health:
    try:
        async with asyncio.timeout(_LOOK_TIMEOUT_S):
            return await replica.backend.health()
    except TimeoutError:
        return Health(False, "It does not say whether it is well.")
