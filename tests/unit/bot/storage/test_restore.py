"""Putting a copy of the database back: whole, of this version, and never at the cost of another."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command

from bot.errors import StorageError
from bot.storage.backups import back_up
from bot.storage.data_dir_lock import lock_data_dir
from bot.storage.engine import sync_engine
from bot.storage.migrations import alembic_config, migrate
from bot.storage.restore import restore
from tests.hostile.damage import cut, noise


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "parlance.db"
    asyncio.run(migrate(path))
    choose(path, "first")
    return path


@pytest.fixture
def copy(path: Path, tmp_path: Path) -> Path:
    return back_up(path, tmp_path / "copy.db")


def choose(path: Path, name: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("INSERT INTO choices VALUES (?, '', 'v', '', 0)", (name,))


def chosen(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return [name for (name,) in database.execute("SELECT name FROM choices ORDER BY name")]


def put(copy: Path, path: Path) -> Path | None:
    return restore(copy, path, path.parent / "chroma")


def test_what_was_there_is_kept_and_its_log_is_not_read_into_the_other(
    path: Path, copy: Path
) -> None:
    (path.parent / "chroma").mkdir()
    (path.parent / "chroma" / "chroma.sqlite3").write_text("of the other one")
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_autocheckpoint = 0")
        with database:
            database.execute("INSERT INTO choices VALUES ('second', '', 'v', '', 0)")
        log = path.with_name("parlance.db-wal").read_bytes()
    path.with_name("parlance.db-wal").write_bytes(log)  # as a crash leaves it
    kept = put(copy, path)
    assert kept is not None
    assert kept.parent == path.parent / "backups"
    assert (chosen(path), chosen(kept)) == (["first"], ["first", "second"])
    assert path.stat().st_mode & 0o077 == 0
    assert {p.name for p in path.parent.iterdir()} == {"parlance.db", "parlance.lock", "backups"}


@pytest.mark.parametrize("harm", [noise, lambda path: cut(path, 0.4), lambda path: cut(path, 0)])
def test_a_damaged_database_is_kept_as_it_is(path: Path, copy: Path, harm: object) -> None:
    assert callable(harm)
    harm(path)
    before = path.read_bytes()
    kept = put(copy, path)
    assert kept is not None
    assert chosen(path) == ["first"]
    if before:
        assert kept.read_bytes() == before


def test_into_a_new_folder(copy: Path, tmp_path: Path) -> None:
    path = tmp_path / "new" / "parlance.db"
    assert put(copy, path) is None
    assert chosen(path) == ["first"]


def test_a_database_that_was_copied_by_hand_with_its_log(path: Path, tmp_path: Path) -> None:
    by_hand = tmp_path / "by-hand"
    with closing(sqlite3.connect(path)) as database:
        with database:
            database.execute("INSERT INTO choices VALUES ('second', '', 'v', '', 0)")
        by_hand.mkdir()
        for name in ("parlance.db", "parlance.db-wal"):
            shutil.copy(path.with_name(name), by_hand)
    put(by_hand / "parlance.db", tmp_path / "new" / "parlance.db")
    assert chosen(tmp_path / "new" / "parlance.db") == ["first", "second"]


def test_an_older_one_is_migrated_at_the_next_start(path: Path, copy: Path) -> None:
    engine = sync_engine(copy)
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0002")
    engine.dispose()
    put(copy, path)
    assert list(asyncio.run(migrate(path)))[:2] == ["0003", "0004"]
    assert chosen(path) == ["first"]


def test_what_is_no_backup_changes_nothing(path: Path, copy: Path, tmp_path: Path) -> None:
    other, newer, damaged = (tmp_path / f"{name}.db" for name in ("other", "newer", "damaged"))
    with closing(sqlite3.connect(other)) as database:
        database.execute("CREATE TABLE alembic_version (version_num)")
    for to in (newer, damaged):
        shutil.copy(copy, to)
    with closing(sqlite3.connect(newer)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    noise(damaged, 0.3, 0.6)
    (tmp_path / "notes.txt").write_text("Dear diary, " * 500)
    choose(path, "second")
    for file, why in (
        (tmp_path / "none.db", "There is no file"),
        (tmp_path / "notes.txt", "is damaged or no database; nothing was changed"),
        (damaged, "is damaged or no database; nothing was changed"),
        (other, "is no backup of Parlance; nothing was changed"),
        (newer, r"was made by a newer version of Parlance \(schema 9999\)"),
    ):
        with pytest.raises(StorageError, match=why):
            put(file, path)
    assert chosen(path) == ["first", "second"]
    assert not (path.parent / "backups").exists()
    assert [p.name for p in path.parent.iterdir() if "part" in p.suffix] == []


def test_not_while_a_bot_has_the_folder(path: Path, copy: Path) -> None:
    with lock_data_dir(path.parent), pytest.raises(StorageError, match="is in use by process"):
        put(copy, path)
