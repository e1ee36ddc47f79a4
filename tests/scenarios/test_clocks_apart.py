"""Two processes of one bot whose machines' clocks are a minute apart: nothing depends on it."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from bot.schedules.job import Job
from bot.schedules.jobs_store import Jobs
from bot.storage.address import ServerAddress
from bot.storage.database import Database
from bot.types import ConversationKey
from tests.fakes.clock_ahead import clock_ahead
from tests.fakes.slack.acting import seen
from tests.scenarios import forked
from tests.scenarios.test_many_processes import (
    SLACK,
    TAKEN,
    Crew,
    address,
    crew,
    order_of_answers,
)
from tests.until import until

pytestmark = pytest.mark.soak

__all__ = ["address", "crew"]

AHEAD_S = 60
DUE_S = 3.0
TEXT = "The kettle is on."
_ALIVE = "SELECT count(*) FROM processes"
_LEADING = (
    "SELECT host FROM leases JOIN processes ON process = processes.id WHERE name = 'platform:slack'"
)


async def start_ahead(crew: Crew, folder: Path) -> None:
    """Start a process whose clock is a minute ahead, by `exec`, as its C library is another."""
    ahead = await asyncio.to_thread(clock_ahead, folder, AHEAD_S)
    connections = crew.house.slack.fake.connections
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.scenarios.on_fakes", "run",
        cwd=forked.ROOT,
        env={
            **crew.house.environment,
            **SLACK,
            **ahead,
            "PARLANCE_DATABASE_URL": crew.url,
            "PARLANCE_DATA_DIR": str(folder / "ahead"),
        },
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    crew.stack.push_async_callback(process.wait)
    crew.stack.callback(process.kill)
    await until(lambda: crew.house.slack.fake.connections > connections)


async def add_job(address: ServerAddress) -> datetime:
    """Add a reminder that is due soon; returns when."""
    database = await Database.open(address)
    due = datetime.now(UTC) + timedelta(seconds=DUE_S)
    place = ConversationKey("slack", "T1", "C1")
    job = Job("j1", "slack:U0ADA", "Ada", place, "remind", TEXT, "UTC", due, due)
    assert await Jobs(database).add(job, of_person=1, in_place=1)
    await database.close()
    return due


def reminders(crew: Crew) -> int:
    """How often it was told."""
    return sum(TEXT in seen(one) for one in crew.house.slack.fake.workspace.by("UBOT", "C1"))


async def test_clocks_that_are_a_minute_apart_change_nothing(
    crew: Crew, address: ServerAddress, tmp_path: Path
) -> None:
    """The process that was ahead sent reminders a minute early."""
    await start_ahead(crew, tmp_path)
    await crew.start(**SLACK)
    slack = crew.house.slack
    await slack.mention("number 0-0")
    asked = slack._asked
    await until(lambda: order_of_answers(crew, asked, 0) and not slack.working())
    for number in range(1, 4):  # to both in turn
        await slack.follow_up(f"number 0-{number}")
        await until(partial(crew.has, TAKEN, number + 1))
    await until(lambda: len(order_of_answers(crew, asked, 0)) == 4 and not slack.working())
    assert order_of_answers(crew, asked, 0) == ["0", "1", "2", "3"]
    assert crew.row(_ALIVE) == 2

    due = await add_job(address)
    await until(lambda: reminders(crew))
    assert datetime.now(UTC) >= due
    assert reminders(crew) == 1
    assert crew.row(_ALIVE) == 2


async def test_a_reminder_that_was_due_while_its_process_was_dead_never_came(
    crew: Crew, address: ServerAddress
) -> None:
    for _ in range(2):
        await crew.start(**SLACK)
    leading = next(one for one in crew.processes if str(crew.row(_LEADING)).endswith(f":{one.pid}"))
    crew.kill(leading)
    await add_job(address)
    await until(lambda: reminders(crew))
    assert crew.row(_ALIVE) == 1
    assert reminders(crew) == 1
