"""The SQLite file: schema, copies, the writer, and what is said when it fails."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import sqlite3
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text

from bot.errors import StorageError
from bot.storage.backups import MAX_KEPT_COPIES
from bot.storage.database import MAX_BATCH_WRITES, MAX_WAITING_WRITES, Database
from bot.storage.engine import Base, sync_engine
from bot.storage.migrations import alembic_config, migrate, pending
from bot.storage.schema_version import migrations_folder, newest_revision
from tests.until import PATIENCE_S


@contextmanager
def opened(path: Path) -> Iterator[Engine]:
    engine = sync_engine(path)
    try:
        yield engine
    finally:
        engine.dispose()


def insert(name: str, value: str = "v") -> str:
    return f"INSERT INTO choices VALUES ('{name}', '', '{value}', '', 0)"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "data" / "parlance.db")
    yield database
    await database.close()


_opening: threading.Event | None = None
_may_open = threading.Event()


def _hold_opening(event: str, _: object) -> None:
    if event == "sqlite3.connect" and _opening is not None:
        _opening.set()
        _may_open.wait(PATIENCE_S)


sys.addaudithook(_hold_opening)


async def test_a_read_that_was_cancelled_while_its_connection_opened_left_a_thread_alone(
    database: Database,
) -> None:
    global _opening
    _opening = threading.Event()
    try:
        reading = asyncio.create_task(_names(database))
        await asyncio.to_thread(_opening.wait, PATIENCE_S)
        reading.cancel()
        for _ in range(20):
            await asyncio.sleep(0)
        assert not reading.done()
    finally:
        _opening = None
        _may_open.set()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await _names(database) == []


class TestMigrations:
    def test_up_down_up(self, tmp_path: Path) -> None:
        with opened(tmp_path / "x.db") as engine:
            schemas = []
            for _ in range(2):
                with engine.begin() as connection:
                    command.upgrade(alembic_config(connection), "head")
                with engine.begin() as connection:
                    schemas.append(_schema(connection))
                    command.downgrade(alembic_config(connection), "base")
                with engine.begin() as connection:
                    left = set(inspect(connection).get_table_names()) - {"sqlite_sequence"}
                    assert left <= {"alembic_version"}
        assert schemas[0] == schemas[1]
        assert any("turns" in statement for statement in schemas[0])

    def test_autogenerate_finds_nothing(self, tmp_path: Path) -> None:
        asyncio.run(migrate(tmp_path / "x.db"))
        with opened(tmp_path / "x.db") as engine, engine.begin() as connection:
            # Virtual tables and what they keep beside them are no concern of the comparison.
            connection.exec_driver_sql("CREATE VIRTUAL TABLE words USING fts5(text)")
            command.check(alembic_config(connection))

    def test_the_comparison_would_find_something(self, tmp_path: Path) -> None:
        asyncio.run(migrate(tmp_path / "x.db"))
        with opened(tmp_path / "x.db") as engine, engine.begin() as connection:
            connection.exec_driver_sql("DROP INDEX ix_turns_recent")
            context = MigrationContext.configure(connection)
            assert compare_metadata(context, Base.metadata)

    async def test_a_new_file_is_made_and_not_copied(self, tmp_path: Path) -> None:
        path = tmp_path / "deep" / "er" / "parlance.db"
        todo = await pending(path)
        assert todo[0] == "0001"
        assert not path.exists()
        assert list(await migrate(path)) == list(todo)
        assert list(await pending(path)) == []
        assert list(await migrate(path)) == []
        assert not (path.parent / "backups").exists()

    def test_an_old_file_is_copied_first_and_the_last_copies_are_kept(self, tmp_path: Path) -> None:
        path, folder = tmp_path / "parlance.db", tmp_path / "scripts"
        shutil.copytree(migrations_folder(), folder, ignore=shutil.ignore_patterns("__pycache__"))
        (head,) = asyncio.run(migrate(path, folder))[-1:]
        for turn in range(MAX_KEPT_COPIES + 2):
            revision = f"later{turn}"
            (folder / "versions" / f"{revision}.py").write_text(
                f"revision, down_revision = {revision!r}, {head!r}\n"
                f"from alembic import op\n"
                f"def upgrade(): op.execute({insert(revision)!r})\n"
            )
            assert list(asyncio.run(migrate(path, folder))) == [revision]
            head = revision
        copies = sorted((tmp_path / "backups").iterdir())
        assert [copy.name.split("-")[1] for copy in copies] == ["later1", "later2", "later3"]
        with closing(sqlite3.connect(copies[-1])) as copy:
            names = [name for (name,) in copy.execute("SELECT name FROM choices ORDER BY name")]
        assert names == ["later0", "later1", "later2", "later3"]

    async def test_a_newer_database_is_refused_and_not_touched(self, tmp_path: Path) -> None:
        path = tmp_path / "parlance.db"
        await migrate(path)
        with closing(sqlite3.connect(path)) as file, file:
            file.execute("UPDATE alembic_version SET version_num = '9999'")
        for attempt in (migrate, pending):
            with pytest.raises(StorageError, match=r"newer version of Parlance \(schema 9999\)"):
                await attempt(path)
        assert not (tmp_path / "backups").exists()

    async def test_a_failed_migration_changes_nothing(self, tmp_path: Path) -> None:
        path = tmp_path / "parlance.db"
        with closing(sqlite3.connect(path)) as file, file:
            file.execute("CREATE TABLE feedback (x)")  # stands in the way of our own, late
        with pytest.raises(StorageError):
            await migrate(path)
        with closing(sqlite3.connect(path)) as file:
            tables = {name for (name,) in file.execute("SELECT name FROM sqlite_master")}
        assert tables == {"feedback"}

    async def test_what_is_not_a_database(self, tmp_path: Path) -> None:
        path = tmp_path / "parlance.db"
        path.write_text("Dear diary, " * 1000)
        for attempt in (migrate, pending):
            with pytest.raises(StorageError, match="damaged or not a database"):
                await attempt(path)
        assert path.read_text().startswith("Dear diary")

    async def test_a_file_where_the_folder_should_be(self, tmp_path: Path) -> None:
        (tmp_path / "data").write_text("")
        with pytest.raises(StorageError, match="cannot be made"):
            await migrate(tmp_path / "data" / "parlance.db")


class TestWriter:
    async def test_pragmas(self, database: Database) -> None:
        def ask(connection: Connection) -> list[object]:
            names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            return [connection.exec_driver_sql(f"PRAGMA {n}").scalar() for n in names]

        assert await database.write(ask) == ["wal", 1, 1, 5000]

    async def test_many_writes_share_a_transaction(self, database: Database) -> None:
        def job(connection: Connection) -> object:
            row = {"name": f"n{next(numbers)}"}
            connection.execute(text(insert(":name").replace("':name'", ":name")), row)
            return connection.get_transaction()

        numbers = itertools.count()
        transactions = await asyncio.gather(*(database.write(job) for _ in range(500)))
        assert len(set(transactions)) < 50
        async with database.read() as connection:
            count = (await connection.execute(text("SELECT count(*) FROM choices"))).scalar()
        assert count == 500

    async def test_a_failing_write_fails_only_its_caller(self, database: Database) -> None:
        await database.write(_inserting("taken"))
        jobs = [_inserting(f"n{n}") for n in range(5)]
        jobs[2] = _inserting("taken")

        def wrong(connection: Connection) -> None:
            connection.exec_driver_sql(insert("half"))
            raise LookupError("not in the database's power")

        jobs[3] = wrong
        results = await asyncio.gather(*map(database.write, jobs), return_exceptions=True)
        assert [type(result) for result in results] == [
            type(None),
            type(None),
            StorageError,
            LookupError,
            type(None),
        ]
        assert await _names(database) == ["n0", "n1", "n4", "taken"]

    async def test_readers_cannot_write(self, database: Database) -> None:
        with pytest.raises(StorageError, match="cannot be written to"):
            async with database.read() as connection:
                await connection.execute(text(insert("x")))

    async def test_a_cancelled_caller_leaves_the_others_alone(self, database: Database) -> None:
        writes = [asyncio.create_task(database.write(_inserting(f"n{n}"))) for n in range(10)]
        await asyncio.sleep(0)
        writes[4].cancel()
        results = await asyncio.gather(*writes, return_exceptions=True)
        assert isinstance(results[4], asyncio.CancelledError)
        assert len(await _names(database)) == 10

    async def test_close_commits_what_is_waiting(self, tmp_path: Path) -> None:
        path = tmp_path / "parlance.db"
        database = await Database.open(path)
        writes = [asyncio.create_task(database.write(_inserting(f"n{n}"))) for n in range(100)]
        await asyncio.sleep(0)
        await database.close()
        await asyncio.gather(*writes)
        with closing(sqlite3.connect(path)) as file:
            assert file.execute("SELECT count(*) FROM choices").fetchone() == (100,)
        await database.close()
        with pytest.raises(StorageError, match="closed"):
            await database.write(_inserting("late"))

    async def test_close_waits_for_those_that_a_full_queue_keeps_out(self, tmp_path: Path) -> None:
        database = await Database.open(tmp_path / "parlance.db")
        count = MAX_WAITING_WRITES + MAX_BATCH_WRITES * 3
        writes = [asyncio.create_task(database.write(_inserting(f"n{n}"))) for n in range(count)]
        await asyncio.sleep(0)
        await database.close()
        done = await asyncio.wait_for(asyncio.gather(*writes, return_exceptions=True), PATIENCE_S)
        assert done == [None] * count

    async def test_a_full_disk_is_said_and_the_database_goes_on(self, database: Database) -> None:
        def fill(connection: Connection) -> None:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
            connection.exec_driver_sql(insert("big", "x" * 1_000_000))

        def room(connection: Connection) -> None:
            connection.exec_driver_sql("PRAGMA max_page_count = 1000000")

        with pytest.raises(StorageError, match="no space left"):
            await database.write(fill)
        await database.write(room)
        await database.write(_inserting("small"))
        assert await _names(database) == ["small"]

    async def test_a_damaged_file_is_said(self, tmp_path: Path) -> None:
        path = tmp_path / "parlance.db"
        database = await Database.open(path)
        await database.close()
        damaged = bytearray(path.read_bytes())
        damaged[4096 : 4096 * 3] = b"\xff" * 8192
        path.write_bytes(damaged)
        with pytest.raises(StorageError, match="damaged"):
            await _use(path)


async def _use(path: Path) -> None:
    database = await Database.open(path)
    try:
        await database.write(_inserting("x"))
        for table in Base.metadata.tables:
            async with database.read() as connection:
                await connection.execute(text(f"SELECT * FROM {table}"))
    finally:
        await database.close()


def _inserting(name: str) -> Callable[[Connection], None]:
    def job(connection: Connection) -> None:
        connection.exec_driver_sql(insert(name))

    return job


async def _names(database: Database) -> list[str]:
    async with database.read() as connection:
        rows = await connection.execute(text("SELECT name FROM choices ORDER BY name"))
        return [row.name for row in rows]


def _schema(connection: Connection) -> list[str]:
    rows = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE sql NOT NULL")
    return sorted(sql for (sql,) in rows)


def test_the_newest_revision_by_file_name_is_the_head_that_alembic_finds() -> None:
    directory = ScriptDirectory.from_config(alembic_config())
    assert newest_revision() == directory.get_current_head()


def stands_in(word: str, folder: Path) -> bool:
    return any(word.encode() in file.read_bytes() for file in folder.iterdir())


class TestScrubbing:
    async def test_what_was_deleted_is_in_no_file(self, tmp_path: Path) -> None:
        database = await Database.open(tmp_path / "x.db")
        await database.write(lambda c: c.exec_driver_sql(insert("quetzal")) and None)
        await database.write(lambda c: c.exec_driver_sql("DELETE FROM choices") and None)
        assert stands_in("quetzal", tmp_path)
        await database.scrub()
        assert not stands_in("quetzal", tmp_path)
        await database.write(lambda c: c.exec_driver_sql(insert("kept")) and None)
        await database.close()
        with pytest.raises(StorageError, match="closed"):
            await database.scrub()

    async def test_many_who_ask_at_once_are_served_by_two(self, tmp_path: Path) -> None:
        """Whoever asks over and over does not keep the writer from its work."""
        database = await Database.open(tmp_path / "x.db")

        async def version() -> int:
            async with database.read() as connection:  # it grows with each
                found = await connection.exec_driver_sql("PRAGMA schema_version")
                return int(found.scalar() or 0)

        before = await version()
        await asyncio.gather(*(database.scrub() for _ in range(20)))
        assert 1 <= await version() - before <= 2
        await database.close()

    async def test_a_read_that_was_cancelled_keeps_no_view_of_it(self, tmp_path: Path) -> None:
        database = await Database.open(tmp_path / "x.db")

        async def read(query: str) -> None:
            async with database.read() as connection:
                await connection.exec_driver_sql(query)

        await database.write(lambda c: c.exec_driver_sql(insert("quetzal")) and None)
        await read("SELECT 1")
        reading = asyncio.create_task(read(_LONG))
        await asyncio.sleep(0.05)
        reading.cancel()
        await asyncio.wait([reading])
        await database.write(lambda c: c.exec_driver_sql("DELETE FROM choices") and None)
        await database.scrub()
        assert not stands_in("quetzal", tmp_path)
        await database.close()

    async def test_it_is_tried_again_while_somebody_reads(self, tmp_path: Path) -> None:
        database = await Database.open(tmp_path / "x.db")
        await database.write(lambda c: c.exec_driver_sql(insert("quetzal")) and None)
        with closing(_reader(tmp_path / "x.db")) as somebody:
            await database.write(_forget_quetzal)
            scrubbing = asyncio.create_task(database.scrub())
            await asyncio.sleep(0)
            await database.write(lambda _: somebody.close())  # between two tries
            await scrubbing
        assert not stands_in("quetzal", tmp_path)
        await database.close()

    async def test_it_is_said_that_somebody_reads_without_end(self, tmp_path: Path) -> None:
        database = await Database.open(tmp_path / "x.db")
        await database.write(lambda c: c.exec_driver_sql(insert("quetzal")) and None)
        with closing(_reader(tmp_path / "x.db")):
            await database.write(_forget_quetzal)
            with pytest.raises(StorageError, match="reads the database"):
                await database.scrub()
        await database.scrub()
        assert not stands_in("quetzal", tmp_path)
        await database.close()


_LONG = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500000)
SELECT max(i), (SELECT count(*) FROM choices) FROM n
"""
"""Takes long for its one row."""


def _reader(path: Path) -> sqlite3.Connection:
    """Somebody who reads the database as it is at this time."""
    somebody = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    somebody.execute("BEGIN")
    somebody.execute("SELECT * FROM choices").fetchall()
    return somebody


def _forget_quetzal(connection: Connection) -> None:
    connection.exec_driver_sql("PRAGMA busy_timeout = 10")  # what waits for whoever reads
    connection.exec_driver_sql("DELETE FROM choices")
