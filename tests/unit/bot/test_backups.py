"""Copies of the database: whole while it is written to, private, and never over another file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.backups import back_up
from bot.errors import StorageError


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
