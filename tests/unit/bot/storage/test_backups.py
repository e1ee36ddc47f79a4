"""Copies of the database: whole while it is written to, private, and never over another file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.errors import StorageError
from bot.storage.backups import back_up, remove_old, write_whole


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "parlance.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE said (text)")
        database.execute("INSERT INTO said VALUES ('first')")
    return path


def said(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return [text for (text,) in database.execute("SELECT text FROM said")]


def test_what_is_being_written_is_in_it_whole_or_not_at_all(path: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("INSERT INTO said VALUES ('in the log of the database still')")
        writer.execute("BEGIN")
        writer.execute("INSERT INTO said VALUES ('half')")
        copy = back_up(path, tmp_path / "copy.db")
        writer.execute("COMMIT")
    assert copy == tmp_path / "copy.db"
    assert said(copy) == ["first", "in the log of the database still"]
    assert copy.stat().st_mode & 0o077 == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["copy.db", "parlance.db"]


def test_copies_in_a_folder_have_names_that_sort(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()
    made = [back_up(path, folder) for _ in range(3)]
    assert sorted(folder.iterdir()) == made
    assert all(said(copy) == ["first"] for copy in made)


def test_bad_places_are_told_and_nothing_is_left(path: Path, tmp_path: Path) -> None:
    there = tmp_path / "there.db"
    there.write_text("mine")
    with pytest.raises(StorageError, match=r"there\.db is there already"):
        back_up(path, there)
    with pytest.raises(StorageError, match=r"There is no database .*none\.db yet"):
        back_up(tmp_path / "none.db", tmp_path / "copy.db")
    with pytest.raises(StorageError, match=r"cannot be written: No such file or directory\.$"):
        back_up(path, tmp_path / "no" / "folder" / "copy.db")
    with pytest.raises(StorageError, match=r"there\.db: it is damaged or not a database"):
        back_up(there, tmp_path / "copy.db")
    assert there.read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["parlance.db", "there.db"]


def stamped(days: float, form: str = "parlance-{}.db") -> str:
    then = datetime.now(UTC) - timedelta(days=days)
    return form.format(then.strftime("%Y%m%dT%H%M%S.%f"))


KEPT = ("parlance-mine.db", "notes.txt", stamped(6), stamped(99, "x-{}.db"))
OLD = (stamped(8), stamped(9, "parlance-0002-{}.db"), stamped(9, "parlance-replaced-{}.db-wal"))
LEFT = (stamped(1, "parlance-{}.db.part"), stamped(1, "parlance-0003-{}.db.part"))


@pytest.fixture
def backups(path: Path) -> Path:
    folder = path.parent / "backups"
    folder.mkdir()
    for name in (*KEPT, *OLD, *LEFT):
        (folder / name).write_text("")
    return folder


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_old_copies_and_what_crashes_left_are_removed_and_nothing_else(
    path: Path, backups: Path
) -> None:
    remove_old(path, None)
    assert names(backups) == {*KEPT, *OLD}
    remove_old(path, 7)
    assert names(backups) == set(KEPT)
    remove_old(path, 5)
    assert names(backups) == set(KEPT) - {KEPT[2]}  # the newest, too


def test_a_copy_that_is_being_written_is_left_alone(path: Path, backups: Path) -> None:
    to = backups / stamped(0)
    with write_whole(to) as part:
        remove_old(path, 7)
        assert part.exists()
        assert part.stat().st_mode & 0o077 == 0
    assert to.exists()
    assert not part.exists()


def test_what_a_killed_backup_to_this_file_left_is_no_hindrance(path: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.db.part").write_text("half")
    (tmp_path / "copy.db.part-journal").write_text("half")
    back_up(path, tmp_path / "copy.db")
    assert said(tmp_path / "copy.db") == ["first"]
    assert names(tmp_path) == {"copy.db", "parlance.db"}
