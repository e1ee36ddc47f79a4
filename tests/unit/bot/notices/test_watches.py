"""What the watches see: real disks, real tables, a real backup; and nothing that anybody wrote."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.config import NoticeSettings
from bot.history.protocol import StoredMessage
from bot.history.sql_store import SqlHistoryStore
from bot.history.suspensions import Suspension, Suspensions
from bot.notices.watches import (
    short_name,
    watch_approvals,
    watch_backups,
    watch_disk,
    watch_platforms,
    watch_schedules,
    watch_vectors,
)
from bot.schedules.jobs_store import Jobs
from bot.schedules.tables import occurrences
from bot.storage.address import DatabaseAddress
from bot.storage.backup_schedule import BackupSchedule
from bot.storage.database import Database
from bot.types import ConversationKey
from tests.unit.bot.schedules.conftest import job

HERE = ConversationKey("test", "work", "general")


@pytest.fixture
async def database(database_address: DatabaseAddress) -> AsyncIterator[Database]:
    opened = await Database.open(database_address)
    yield opened
    await opened.close()


async def test_a_disk_that_is_nearly_full(tmp_path: Path) -> None:
    assert await watch_disk(tmp_path, 0)() == ()
    (trouble,) = await watch_disk(tmp_path, 10**9)()
    assert trouble.text.startswith("The disk is nearly full: ")


async def waits(database: Database, number: int, since: datetime, state: dict[str, Any]) -> None:
    history = SqlHistoryStore(database)
    asked = StoredMessage(f"q{number}", str(HERE), "user", "secret words", "test:ada", since)
    answer = StoredMessage(
        f"a{number}", str(HERE), "assistant", "", "test:ada", since, answers=f"q{number}"
    )
    await history.open(asked, answer)
    resume = datetime.now(UTC) + timedelta(days=1)
    await Suspensions(database).save(
        Suspension(f"a{number}", "test:ada", str(HERE), False, state, resume)
    )

    def write(connection: sa.Connection) -> None:
        connection.execute(sa.text("UPDATE turns SET status = 'waiting' WHERE id LIKE 'a%'"))

    await database.write(write)


async def test_approvals_that_nobody_gives(database: Database) -> None:
    look = watch_approvals(database, timedelta(hours=2), "2h")
    now = datetime.now(UTC)
    await waits(database, 1, now - timedelta(hours=3), {"other": "a reminder of its own"})
    await waits(database, 2, now - timedelta(minutes=3), {"card": "Pay Bob"})
    assert await look() == ()
    await waits(database, 3, now - timedelta(hours=3), {"card": "Pay Bob"})
    (trouble,) = await look()
    assert trouble.text.startswith("An approval is missing for more than 2h.")
    assert "Bob" not in trouble.text
    await Suspensions(database).choose("a3", "approve", "test:root")
    assert await look() == ()


async def test_schedules_that_could_not_run(database: Database) -> None:
    jobs, now = Jobs(database), datetime.now(UTC)
    states = {"one": "done", "two": "refused", "three": "lost", "four": "refused"}
    for text in states:
        await jobs.add(job(text, now), of_person=10, in_place=10)
    rows = [
        {
            "job": f"j-{text}",
            "instant": now,
            "state": state,
            "tries": 0,
            "try_at": now,
            "ended_at": now - timedelta(days=2 if text == "four" else 0),
        }
        for text, state in states.items()
    ]
    await database.write(lambda connection: connection.execute(sa.insert(occurrences), rows))
    found = await watch_schedules(database)()
    assert {trouble.key for trouble in found} == {"schedule:j-two", "schedule:j-three"}
    assert len({trouble.text for trouble in found}) == 1  # told as one sentence


async def test_a_backup_that_could_not_be_made(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "parlance.db"
    await asyncio.to_thread((tmp_path / "file").write_text, "in the way")
    broken = BackupSchedule(path, tmp_path / "file", 3_600, None)
    assert await watch_backups(broken.failing)() == ()
    await broken.round()
    (trouble,) = await watch_backups(broken.failing)()
    assert trouble.text.startswith("The last backup could not be made.")


async def test_a_chroma_server_that_cannot_be_used_is_told_without_its_address() -> None:
    assert await watch_vectors(lambda: "")() == ()
    (trouble,) = await watch_vectors(lambda: "The Chroma server at http://10.0.0.7 is gone.")()
    assert "searched by words alone" in trouble.text
    assert "10.0.0.7" not in trouble.text


async def test_platforms() -> None:
    states = [
        {"name": "slack", "state": "connecting"},
        {"name": "discord", "state": "failed", "detail": "The token abc is wrong."},
        {"name": "terminal", "state": "ended"},
        {"name": "other", "state": "connected"},
    ]
    slack, discord = await watch_platforms(lambda: states)()
    assert (slack.key, slack.patience_s) == ("platform:slack", 60.0)
    assert "refuses the bot" in discord.text
    assert "abc" not in discord.text


@pytest.mark.parametrize(
    ("location", "name"),
    [
        ("/srv/people/ada/papers", "papers"),
        ("https://ada:secret@wiki.example.org/a/b?token=secret#x", "wiki.example.org/a/b"),
        ("/", "/"),
        ("`a`", "'a'"),
    ],
)
def test_a_place_of_documents_tells_no_secret(location: str, name: str) -> None:
    assert short_name(location) == name


def test_channels_are_one_or_several() -> None:
    assert NoticeSettings(channel="slack:C1").channel == ("slack:C1",)
    assert NoticeSettings(channel=["discord:7:9"]).channel == ("discord:7:9",)
    assert NoticeSettings().channel == ()
    for wrong in ("slack", "slack:#ops", "slack:a:b:c", "Slack:C1", "slack:C1 "):
        with pytest.raises(ValueError, match="channel"):
            NoticeSettings(channel=wrong)
