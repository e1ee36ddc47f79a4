"""A core with jobs, on a platform that shows them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from backends.scripted.backend import ScriptedBackend
from bot.commands.authorization import Authorize
from bot.history.sql_store import SqlHistoryStore
from bot.schedules.job import Job
from bot.schedules.jobs_store import Jobs
from bot.schedules.scheduler import Scheduler
from bot.storage.address import DatabaseAddress
from bot.storage.database import Database
from bot.turns.admission import Admission, EverybodyAdmitted
from bot.turns.policy import Policy
from tests.fakes.announcing import KeyedPlatform
from tests.fakes.core import ADA, HERE, ROOT, Bench
from tests.fakes.skills import CHAT
from tests.until import until

NOON = datetime(2026, 3, 27, 11, 0, tzinfo=UTC)
"""Friday, 27 March 2026, 12:00 in Berlin."""
BERLIN = "Europe/Berlin"

EVERYBODY = EverybodyAdmitted()


def job(text: str = "call Bob", at: datetime | None = NOON, **more: Any) -> Job:
    given: dict[str, Any] = {
        "id": f"j-{text.replace(' ', '-')}",
        "person": ADA.key,
        "name": "Ada",
        "place": HERE,
        "kind": "remind",
        "zone": BERLIN,
        "made_at": NOON - timedelta(days=1),
        **more,
    }
    return Job(text=text, next_at=at, **given)


@dataclass
class Clock:
    """A wall clock that is set."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Process:
    """A core on a database, with a scheduler that looks at the clock when told."""

    bench: Bench
    platform: KeyedPlatform
    jobs: Jobs
    scheduler: Scheduler
    clock: Clock
    database: Database = field(repr=False)

    async def add(self, *added: Job) -> None:
        for one in added:
            assert await self.jobs.add(one, of_person=10_000, in_place=10_000)

    async def at(self, now: datetime) -> None:
        """Set the clock."""
        self.clock.now = now
        self.jobs.changed.set()
        await self.idle()

    async def idle(self) -> None:
        """Wait until the scheduler waits, and nothing that it began runs."""
        changed = self.jobs.changed
        await until(
            lambda: changed._waiters and not changed.is_set() and not self.scheduler._running
        )

    async def until_states(self, job: str, *states: str) -> Sequence[str]:
        return await until(lambda: self.jobs.states(job), fits=lambda now: tuple(now) == states)


@asynccontextmanager
async def process(
    address: DatabaseAddress,
    *,
    clock: Clock | None = None,
    platform: KeyedPlatform | None = None,
    admission: Admission = EVERYBODY,
    authorize: Authorize | None = None,
    connect: bool = True,
    before: Sequence[Job] = (),
) -> AsyncIterator[Process]:
    async with AsyncExitStack() as stack:
        database = await Database.open(address)
        stack.push_async_callback(database.close)
        policy = Policy(is_admin=lambda author: author == ROOT, admission=admission)
        backend = ScriptedBackend("default")
        store = SqlHistoryStore(database)
        bench = Bench([CHAT], store=store, backend=backend, policy=policy, authorize=authorize)
        shown, jobs, now = platform or KeyedPlatform(), Jobs(database), clock or Clock()
        again = [timedelta(seconds=20)]
        scheduler = Scheduler(jobs, bench.core.job_runs, clock=now, pauses=again)
        made = Process(bench, shown, jobs, scheduler, now, database)
        await made.add(*before)
        bench.core.platforms.watch(jobs.changed.set)
        if connect:
            stack.enter_context(bench.core.connect(shown))
        running = asyncio.create_task(scheduler.run())
        try:
            yield made
        finally:
            running.cancel()
            await asyncio.wait([running])
            await bench.core.close()
