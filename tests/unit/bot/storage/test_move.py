"""Carrying a database over: all of it, once, also where a run was ended, and back again."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from bot.errors import StorageError
from bot.history.sql_store import SqlHistoryStore
from bot.portability.export import export
from bot.storage import move as moving
from bot.storage.address import DatabaseAddress, ServerAddress
from bot.storage.blocking import write_once
from bot.storage.database import Database
from bot.storage.engine import Base
from bot.storage.installation_id import installation_id
from bot.storage.move import Moved, move, moved_tables
from tests.contracts.history_contract import asked, exchange
from tests.fakes.kept import CHANNEL, keep_something
from tests.fakes.postgresql import PostgresqlServer

ROOT = Path(__file__).parents[4]


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """An installation's file, with something in every table; its last turn was deleted."""
    database = await Database.open(tmp_path / "parlance.db")
    await database.write(keep_something)
    await installation_id(database)
    store = SqlHistoryStore(database)
    await exchange(store, asked("9", text="a zero\0byte and ✓"))
    await exchange(store, asked("10", "slack:T1:C9"))
    await store.forget(conversation="slack:T1:C9")
    await database.close()
    return tmp_path / "parlance.db"


@pytest.fixture
def empty(postgresql: PostgresqlServer) -> Iterator[ServerAddress]:
    address = postgresql.create()  # with tables, since making them takes a while
    yield address
    postgresql.drop(address)


def carry(source: DatabaseAddress, target: DatabaseAddress) -> Moved:
    return move(source, target, lambda what, done, total: None)


def exported(address: DatabaseAddress) -> str:
    pieces: list[str] = []
    export(address, pieces.append)
    return "".join(pieces).replace("a zero\\u0000byte", "a zero\ufffdbyte")


def dump(path: Path) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(path)) as file:
        names = [f'"{table.name}"' for table in moved_tables()]
        return {
            name: file.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall() for name in names
        }


def test_all_goes_over_and_comes_back_the_same(
    path: Path, empty: ServerAddress, tmp_path: Path
) -> None:
    moved = carry(path, empty)
    assert not moved.went_on
    hollow = {name for name, one in moved.tables.items() if not one.rows}
    assert all(name.startswith("knowledge_") for name in hollow)
    assert exported(empty) == exported(path)
    back = tmp_path / "back.db"
    assert carry(empty, back).tables == moved.tables
    first, second = dump(path), dump(back)
    first['"turns"'] = [
        tuple(v.replace("\0", "\ufffd") if isinstance(v, str) else v for v in row)
        for row in first['"turns"']
    ]
    assert first == second
    with closing(sqlite3.connect(back)) as file:
        numbers = "SELECT name, seq FROM sqlite_sequence WHERE name = 'turns'"
        with closing(sqlite3.connect(path)) as before:
            assert file.execute(numbers).fetchall() == before.execute(numbers).fetchall()


async def test_what_comes_later_is_numbered_behind_what_was_there(
    path: Path, empty: ServerAddress
) -> None:
    await asyncio.to_thread(carry, path, empty)
    with closing(sqlite3.connect(path)) as file:
        (last,) = file.execute("SELECT seq FROM sqlite_sequence WHERE name = 'turns'").fetchone()
    database = await Database.open(empty)
    await exchange(SqlHistoryStore(database), asked("11"))
    async with database.read() as connection:
        seq = await connection.scalar(text("SELECT min(seq) FROM turns WHERE id LIKE '%-11'"))
    recent = [turn.text for turn in await SqlHistoryStore(database).recent(CHANNEL)]
    await database.close()
    assert seq == last + 1
    assert recent[:2] == ["Eve asks 1 ✓", "Eve is told 1"]


_ENDED = """
    import os, signal, sys
    from pathlib import Path
    from sqlalchemy import make_url
    from bot.storage import move, table_copy
    from bot.storage.address import ServerAddress
    table_copy.MAX_BATCH_ROWS = 2
    left = int(sys.argv[3])
    def on_step(what, done, total):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
    move.move(Path(sys.argv[1]), ServerAddress.parse(sys.argv[2]), on_step)
"""


@pytest.mark.parametrize("steps", [0, 40])
def test_after_a_kill_it_goes_on_where_it_was(path: Path, empty: ServerAddress, steps: int) -> None:
    url = empty.url.set(drivername="postgresql").render_as_string(hide_password=False)
    program = [sys.executable, "-c", textwrap.dedent(_ENDED), str(path), url, str(steps)]
    ended = subprocess.run(program, cwd=ROOT, check=False, timeout=60, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    with pytest.raises(StorageError, match="only a part of another"):
        asyncio.run(Database.open(empty))
    moved = carry(path, empty)
    assert moved.went_on == (steps > 0)
    assert exported(empty) == exported(path)


def test_what_was_written_to_the_file_after_a_kill_is_there_too(
    path: Path, empty: ServerAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "_UNMARK", "SELECT 1")  # as if it had been ended just before
    carry(path, empty)
    monkeypatch.undo()
    write_once(path, lambda connection: connection.execute(text("UPDATE turns SET text = 'new'")))
    assert carry(path, empty).went_on
    assert '"text":"new"' in exported(empty)


def test_a_database_that_holds_something_is_left_alone(
    path: Path, postgresql: PostgresqlServer, tmp_path: Path
) -> None:
    empty = postgresql.create_empty()
    name = str(empty.url.database)
    postgresql.execute("CREATE TABLE theirs (n int)", name)
    with pytest.raises(StorageError, match="not Parlance's"):
        carry(path, empty)
    assert len(postgresql.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public'", name)) == 1
    postgresql.execute("DROP TABLE theirs", name)
    carry(path, empty)
    with pytest.raises(StorageError, match="has something in it"):
        carry(path, empty)
    with pytest.raises(StorageError, match="there already"):
        carry(empty, path)
    with pytest.raises(StorageError, match="there is nothing to move"):
        carry(tmp_path / "none.db", empty)
    postgresql.drop(empty)


async def test_a_bot_that_runs_at_the_server_is_in_the_way(
    path: Path, empty: ServerAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "_LEAVING_S", 0.05)
    database = await Database.open(empty)
    assert await SqlHistoryStore(database).claim("slack", "E1")
    with pytest.raises(StorageError, match="A bot is connected"):
        await asyncio.to_thread(carry, path, empty)
    with pytest.raises(StorageError, match="A bot is connected"):
        await asyncio.to_thread(carry, empty, tmp_path / "back.db")
    await database.close()


def test_every_table_is_carried_over_or_is_about_processes() -> None:
    left = set(Base.metadata.tables) - {table.name for table in moved_tables()}
    assert left <= moving._STAYS
