"""Backups that a running bot makes: when they are due, over restarts, and after a failure."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.storage.backup_schedule import BackupSchedule
from bot.storage.backups import newest_copy

DAY_S = 86_400.0


@dataclass
class Clock:
    """The wall clock, so much later; the names of copies have the real time."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "parlance.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE said (text)")
    return path


def copies(folder: Path) -> list[Path]:
    return sorted(folder.glob("parlance-2*.db"))


async def test_the_first_is_made_at_once_and_the_next_when_it_is_due(path: Path) -> None:
    clock, folder = Clock(), path.parent / "backups"
    left_s = await BackupSchedule(path, None, DAY_S, None, clock).round()
    (first,) = copies(folder)
    assert DAY_S - 60 < left_s <= DAY_S
    assert folder.stat().st_mode & 0o077 == first.stat().st_mode & 0o077 == 0
    # Another process, which knows nothing of the first one.
    clock.ahead = timedelta(hours=20)
    left_s = await BackupSchedule(path, None, DAY_S, None, clock).round()
    assert 3 * 3_600 < left_s <= 4 * 3_600
    assert copies(folder) == [first]
    clock.ahead = timedelta(hours=25)
    await BackupSchedule(path, None, DAY_S, None, clock).round()
    assert len(copies(folder)) == 2


async def test_a_clock_that_was_set_back_does_not_put_it_off(path: Path) -> None:
    clock = Clock()
    schedule = BackupSchedule(path, None, DAY_S, None, clock)
    await schedule.round()
    clock.ahead = timedelta(days=-400)
    assert await schedule.round() <= DAY_S


async def test_copies_go_to_another_folder_and_old_ones_go_there_too(
    path: Path, tmp_path: Path
) -> None:
    clock, folder = Clock(), tmp_path / "disk" / "copies"
    schedule = BackupSchedule(path, folder, DAY_S, 3, clock)
    await schedule.round()
    (first,) = copies(folder)
    stamp = (datetime.now(UTC) - timedelta(days=9)).strftime("%Y%m%dT%H%M%S.%f")
    old = first.rename(folder / f"parlance-{stamp}.db")
    clock.ahead = timedelta(days=2)
    await schedule.round()
    assert old not in copies(folder)
    assert len(copies(folder)) == 1
    assert not (tmp_path / "backups").exists()


async def test_a_failure_is_known_and_tried_again_ever_later(path: Path, tmp_path: Path) -> None:
    clock, folder = Clock(), tmp_path / "copies"
    await asyncio.to_thread(folder.write_text, "in the way")
    schedule = BackupSchedule(path, folder, DAY_S, None, clock)
    assert 200 < await schedule.round() <= 300
    assert schedule.failing()
    clock.ahead = timedelta(minutes=6)
    assert 500 < await schedule.round() <= 600
    await asyncio.to_thread(folder.unlink)
    assert schedule.failing()
    clock.ahead = timedelta(minutes=17)
    await schedule.round()
    assert not schedule.failing()
    assert len(copies(folder)) == 1


async def test_where_none_is_wanted_none_is_made(path: Path) -> None:
    await BackupSchedule(path, None, None, 30).round()
    assert not (path.parent / "backups").exists()


def test_a_copy_from_before_a_change_is_no_backup(path: Path, tmp_path: Path) -> None:
    for name in (
        "parlance-20260101T000000.000000.db",
        "parlance-20260301T000000.000000.db",
        "parlance-replaced-20260501T000000.000000.db",
        "parlance-20260601T000000.000000.db.part",
        "parlance-20260701T000000.000000.db-wal",
        "other-20260801T000000.000000.db",
    ):
        shutil.copy(path, tmp_path / name)
    found = newest_copy(path, tmp_path)
    assert found is not None
    assert found[0].name == "parlance-20260301T000000.000000.db"
    assert found[1] == datetime(2026, 3, 1, tzinfo=UTC)
