"""Reminders: how late they come where many are due, on a sink that takes each at once."""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, insert

from backends.scripted.backend import ScriptedBackend
from bench.core import logging_as_in_production
from bench.rows import Row
from bot.history.sql_store import SqlHistoryStore
from bot.replies.protocol import Arrival
from bot.schedules.jobs_store import Jobs
from bot.schedules.scheduler import Scheduler
from bot.schedules.tables import jobs
from bot.storage.database import Database
from bot.types import Author, ConversationKey, View
from tests.fakes.announcing import KeyedPlatform, KeyedSink
from tests.fakes.core import Bench
from tests.fakes.skills import CHAT

REMINDERS = 10_000
MINUTE_S = 60.0
MOST_LATE_S = 5.0
_LEAD_S = 2.0


@dataclass
class LatenessSink(KeyedSink):
    """Notes when each was shown."""

    async def announce(self, view: View, key: str, *, since: datetime | None) -> Arrival:
        assert isinstance(self.platform, LatenessPlatform)
        self.platform.times[view.text] = time.time()
        if len(self.platform.times) == self.platform.expected:
            self.platform.whole.set()
        return "arrived"


@dataclass
class LatenessPlatform(KeyedPlatform):
    expected: int = 0
    times: dict[str, float] = field(default_factory=dict)
    whole: asyncio.Event = field(default_factory=asyncio.Event)

    async def open_reply(
        self, conversation: ConversationKey, audience: Author | None, *, turn: str
    ) -> KeyedSink:
        sink = LatenessSink()
        sink.platform, sink.place, sink.audience = self, conversation, audience
        return sink


async def lateness(number: int, within_s: float) -> list[float]:
    """Seconds that each of so many reminders comes late which are due evenly within a time."""
    with tempfile.TemporaryDirectory(prefix="parlance-bench-") as folder:
        database = await Database.open(Path(folder) / "parlance.db")
        bench = Bench([CHAT], store=SqlHistoryStore(database), backend=ScriptedBackend("default"))
        platform = LatenessPlatform(expected=number)
        begin = datetime.now(UTC) + timedelta(seconds=_LEAD_S + number / 5_000)
        due = [begin + timedelta(seconds=within_s * n / number) for n in range(number)]
        rows = [_row(n, at) for n, at in enumerate(due)]

        def store(connection: Connection) -> None:
            connection.execute(insert(jobs), rows)

        await database.write(store)
        scheduler = Scheduler(Jobs(database), bench.core.job_runs)
        with bench.core.connect(platform):
            running = asyncio.create_task(scheduler.run())
            try:
                await platform.whole.wait()
            finally:
                running.cancel()
                await asyncio.wait([running])
                await bench.core.close()
                await database.close()
        return sorted(platform.times[f"r{n}"] - at.timestamp() for n, at in enumerate(due))


def _row(number: int, at: datetime) -> dict[str, object]:
    return {
        "id": f"j{number}",
        "person": f"test:p{number % 500}",
        "name": "Somebody",
        "place": f"test:work:c{number % 500}",
        "private": False,
        "direct": False,
        "kind": "remind",
        "text": f"r{number}",
        "cron": "",
        "zone": "Europe/Berlin",
        "locale": "",
        "next_at": at,
        "made_at": at - timedelta(days=1),
        "failures": 0,
    }


async def rows(quick: bool) -> list[Row]:
    """Reminders due within a minute, and all in one instant."""
    number, within_s = (REMINDERS // 10, MINUTE_S / 10) if quick else (REMINDERS, MINUTE_S)
    with logging_as_in_production():
        spread = await lateness(number, within_s)
        at_once = await lateness(number, 0.0)
    p99 = spread[int(0.99 * number)]
    what = f"{number:,} reminders due in {within_s:.0f} s"
    return [
        Row(f"{what}, p99 late", round(p99, 3), "s", f"≤ {MOST_LATE_S:g}", p99 <= MOST_LATE_S),
        Row(f"{what}, p50 late", round(spread[number // 2], 3), "s", "", None),
        Row(
            f"{number:,} due in one instant, p99 late",
            round(at_once[int(0.99 * number)], 3),
            "s",
            "",
            None,
        ),
    ]
