"""Runs jobs when they are due: each time once, also where the process dies or the clock is set."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import structlog

from bot.catalogue.sentence import join_sentences, say
from bot.commands.checks import Asker
from bot.replies.protocol import Arrival
from bot.schedules.job import Job, Occurrence
from bot.schedules.jobs_store import MAX_CLAIMED_JOBS, Jobs
from bot.schedules.wording import late_words, maybe_sent_words, not_run_words
from bot.schedules.zones import load_zones

log = structlog.get_logger(__name__)

MAX_RUNNING: Final = 256
"""Jobs that are carried out at the same time."""
MAX_FAILURES: Final = 3
"""Times in a row that a job may not run before it ends."""
RETRY_PAUSES: Final = tuple(timedelta(seconds=s) for s in (20, 60, 300, 900))
"""How long after each try that failed the next comes; the last holds for all that follow."""
_UNKNOWN_ASKER_TRIES: Final = 2
"""Tries after the first at finding out what the owner of a job may do; then it does not run."""
_GIVEN_UP_AFTER: Final = timedelta(hours=24)
_LATE: Final = timedelta(minutes=1)
_LONGEST_SLEEP_S: Final = 30.0
"""So that a clock that is set, or a machine that slept, is noticed."""
_SHORTEST_SLEEP_S: Final = 0.001


class NotAllowed(Exception):
    """A job may not run; `str(exc)` is why, as its owner is told, or empty where they are not."""


class House(Protocol):
    """What the scheduler has the core do."""

    @property
    def connected(self) -> Collection[str]:
        """The platforms whose jobs are run here, as they can be reached now; when one comes,
        `Jobs.changed` is set. Nobody else touches what is due there."""
        ...

    async def asker(self, job: Job) -> Asker | None:
        """The owner of a job as they are now in its place; None if nobody can tell, or they are
        not there. Raises `NotAllowed`."""
        ...

    async def announce(
        self,
        one: Occurrence,
        asker: Asker,
        notice: str,
        begin: Callable[[], Awaitable[None]],
    ) -> Arrival:
        """Say the text of a job, with a notice, once. `begin` is called just before it is sent.
        Raises `NotAllowed` if that is not possible there."""
        ...

    async def ask(
        self,
        one: Occurrence,
        asker: Asker,
        notice: str,
        begin: Callable[[], Awaitable[None]],
    ) -> Arrival:
        """Have the text of a job answered as a question of its owner, and wait for the end of it.
        Raises `NotAllowed`."""
        ...

    async def tell(self, job: Job, words: str) -> None:
        """Tell the owner of a job something, and nobody else, as far as that is possible."""
        ...


def _now() -> datetime:
    return datetime.now(UTC)


class Scheduler:
    """Owns what is carried out. There is one for a database.

    `clock` is the wall clock. `pauses` are how long after each failed try the next comes.
    """

    def __init__(
        self,
        jobs: Jobs,
        house: House,
        *,
        clock: Callable[[], datetime] = _now,
        pauses: Sequence[timedelta] = RETRY_PAUSES,
    ) -> None:
        self._jobs = jobs
        self._house = house
        self._clock = clock
        self._pauses = pauses
        self._started_at = clock()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._again = False
        """Whether to look again once there is room."""

    async def run(self) -> None:
        """Run jobs as they become due, until cancelled."""
        try:
            while True:
                self._jobs.changed.clear()
                try:
                    pause = await self._start_due()
                except Exception:  # the next round may succeed
                    log.exception("schedule.round_failed")
                    pause = _LONGEST_SLEEP_S
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._jobs.changed.wait()
        finally:
            running = [*self._running.values()]
            for task in running:
                task.cancel()
            if running:
                await asyncio.wait(running)

    async def _start_due(self) -> float | None:
        """Begin what is due, and return for how many seconds nothing else is; None: for ever."""
        now, platforms = self._clock(), self._house.connected
        claimed = await self._jobs.claim(now, platforms)
        room = MAX_RUNNING - len(self._running)
        found = await self._jobs.open(now, platforms, self._running.keys(), room)
        for one in found:
            task = asyncio.create_task(self._carry_out(one), name=f"job {one.job.id}")
            self._running[one.key] = task
        self._again = len(found) >= room
        if claimed == MAX_CLAIMED_JOBS:
            return 0.0
        following = await self._jobs.next_time(now, platforms)
        if following is None:
            return None
        left = (following - self._clock()).total_seconds()
        return min(max(left, _SHORTEST_SLEEP_S), _LONGEST_SLEEP_S)

    async def _carry_out(self, one: Occurrence) -> None:
        retried = False
        try:
            retried = not await self._run_once(one)
            if retried:
                await self._retry(one)
        except NotAllowed as error:
            await self._refuse(one, str(error))
        except Exception:  # a task's top; the occurrence is still open, and tried later
            log.exception("schedule.job_failed", job=one.job.id)
            retried = True
            with suppress(Exception):
                await self._retry(one)
        finally:
            self._running.pop(one.key, None)
            if retried or (self._again and len(self._running) <= MAX_RUNNING // 2):
                self._jobs.changed.set()

    async def _run_once(self, one: Occurrence) -> bool:
        """Try to run it. Returns whether it is over. Raises `NotAllowed`."""
        await load_zones([one.job.zone])
        asker = await self._house.asker(one.job)
        if asker is None:
            if one.tries < _UNKNOWN_ASKER_TRIES:
                return False
            raise NotAllowed(say("I could not check what you may do there."))
        begin = self._house.ask if one.job.kind == "ask" else self._house.announce
        arrival = await begin(one, asker, self._notice(one), lambda: self._begin(one))
        if arrival == "failed":
            return False
        if arrival == "refused":
            raise NotAllowed(say("I may not write there."))
        if arrival == "unknown":
            await self._jobs.set_state(one, "unknown", self._clock())
            await self._house.tell(one.job, maybe_sent_words(one.job, one.instant))
            return True
        await self._jobs.set_state(one, "done", self._clock())
        await self._jobs.forgive(one.job)
        return True

    async def _begin(self, one: Occurrence) -> None:
        await self._jobs.set_state(one, "posting", self._clock())

    def _notice(self, one: Occurrence) -> str:
        """What is said of a late one; empty for others."""
        if self._clock() - one.instant < _LATE:
            return ""
        was_running = one.instant >= self._started_at
        return late_words(one.instant, one.job.zone, was_running=was_running)

    async def _retry(self, one: Occurrence) -> None:
        now = self._clock()
        if now - one.instant > _GIVEN_UP_AFTER and one.tries >= len(self._pauses):
            await self._jobs.set_state(one, "lost", now)
            log.error("schedule.given_up", job=one.job.id)
            return
        pause = self._pauses[min(one.tries, len(self._pauses) - 1)]
        await self._jobs.try_again(one, now + pause)

    async def _refuse(self, one: Occurrence, reason: str) -> None:
        await self._jobs.set_state(one, "refused", self._clock())
        ended = await self._jobs.count_failure(one.job, MAX_FAILURES)
        log.info("schedule.not_run", job=one.job.id, ended=ended)
        if not reason:
            return
        words = not_run_words(one.job, one.instant, reason)
        more = say("That was the third time, so I have ended it.") if ended else ""
        await self._house.tell(one.job, join_sentences([words, more]))
