"""Syncs the sources of config.yaml that name a period, each when it is due.

When a source was last synced is stored, so that a restart reads nothing again, and what became due
while the bot was down is read soon after its start.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import aclosing

import structlog

from backends.errors import BackendError
from bot.errors import ParlanceError
from bot.knowledge.index.rows import SourceRow
from bot.knowledge.index.syncs import SyncRow, SyncStore
from bot.knowledge.ingestion.source_sync import Clock, SourceSync

log = structlog.get_logger(__name__)

_FIRST_RETRY_S = 300.0
_LONGEST_RETRY_S = 6 * 3_600.0
_JITTER_SHARE = 0.1
"""The largest part of a wait that is added to it, so that not all sources are due at once."""
_SHORTEST_SLEEP_S = 30.0
"""Also where what was synced cannot be recorded, since the disk is full, and is due again."""
_LONGEST_SLEEP_S = 600.0
"""After so long the clock is looked at again: it may have been set, or the machine suspended."""


class SyncSchedule:
    """Syncs what is due, one source after another. `sync_due` is one round, `run` all of them."""

    def __init__(
        self,
        sync: SourceSync,
        syncs: SyncStore,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._sync = sync
        self._syncs = syncs
        self._clock = clock
        self._sleep = sleep
        self._refused: dict[str, frozenset[tuple[str, str]]] = {}

    async def run(self) -> None:
        """Syncs each source when it is due, until cancelled."""
        while True:
            try:
                wait_s = await self.sync_due()
            except ParlanceError as error:  # the database: there is no other way to go on
                log.error("documents.schedule_failed", reason=str(error))
                wait_s = _FIRST_RETRY_S
            await self._sleep(wait_s)

    async def sync_due(self) -> float:
        """Syncs every source that is due; returns the seconds until the next one is."""
        sources = [
            (source, entry.every_s)
            for entry, source in await self._sync.configured()
            if entry.every_s is not None
        ]
        for source, every_s in sources:
            last = (await self._syncs.all()).get((source.base, source.location))
            if self._wait_s(last, every_s) <= 0:
                await self._sync_one(source, failed=last is not None and last.failures > 0)
        rows = await self._syncs.all()
        waits = [
            self._wait_s(rows.get((source.base, source.location)), every_s)
            for source, every_s in sources
        ]
        return min(max(min(waits, default=_LONGEST_SLEEP_S), _SHORTEST_SLEEP_S), _LONGEST_SLEEP_S)

    def _wait_s(self, last: SyncRow | None, every_s: float) -> float:
        """Returns the seconds until a source is due; a failed one is tried sooner, then seldom."""
        if last is None:
            return 0.0
        wait = every_s
        if last.failures:
            wait = min(every_s, _FIRST_RETRY_S) * 2.0 ** min(last.failures - 1, 20)
            wait = min(wait, max(every_s, _LONGEST_RETRY_S))
        share = random.Random(f"{last.base} {last.location} {last.at}").random()
        now = self._clock()
        return min(last.at, now) + wait * (1 + _JITTER_SHARE * share) - now

    async def _sync_one(self, source: SourceRow, *, failed: bool) -> None:
        """Syncs a source and logs what changed; a failure is logged when it begins and ends."""
        states: Counter[str] = Counter()
        refused: set[tuple[str, str]] = set()
        try:
            async with aclosing(self._sync.one(source, Counter())) as events:
                async for event in events:
                    states[event.state] += 1
                    if event.state == "refused":
                        refused.add((event.location, event.detail))
        except (ParlanceError, BackendError) as error:
            if not failed:
                log.warning("documents.sync_failed", where=source.location, why=str(error))
            return
        except Exception as error:
            log.error("documents.sync_broke_off", where=source.location, exc_info=error)
            return
        if failed:
            log.info("documents.sync_works_again", where=source.location)
        if changes := describe_changes(states):
            log.info("documents.synced", where=source.location, changes=changes)
        for where, why in sorted(refused - self._refused.get(source.location, frozenset())):
            log.warning("documents.left_out", where=where, why=why)
        self._refused[source.location] = frozenset(refused)


def describe_changes(states: Counter[str]) -> str:
    """Returns what became other, `2 added, 3 changed, 1 removed`; "" if nothing did."""
    named = ("added", "changed", "removed")
    return ", ".join(f"{states[state]:,} {state}" for state in named if states[state])
