"""Carries a database over to another one: a file of SQLite to a PostgreSQL server, or back.

It is copied a batch at a time, so that a run that was ended goes on where it was; at the end every
table is counted and digested on both sides. Until then the new database says that it is not whole,
and no bot starts on it.
"""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, Table

from bot.errors import StorageError
from bot.storage.address import DatabaseAddress, ServerAddress
from bot.storage.blocking import revision_at, snapshot, writing_engine
from bot.storage.engine import Base
from bot.storage.personal_data import PERSONAL_DATA
from bot.storage.schema_version import migrate_if_needed, newest_revision, revisions
from bot.storage.table_copy import (
    TableDigest,
    batches,
    count_rows,
    digest_of,
    insert_rows,
    last_key,
    last_number,
    rows_after,
    set_last_number,
)
from bot.storage.unfinished_move import UNFINISHED_TABLE, is_unfinished

OnStep = Callable[[str, int, int], object]
"""Called with what is being done, how many rows are done, and how many there are."""

_STAYS: Final = frozenset({"first_revision", "processes", "leases", "lanes", "lane_tickets"})
"""What is about the processes that run, or about the schema."""
_OURS: Final = frozenset({"alembic_version", "first_revision", UNFINISHED_TABLE})
_MARK: Final = f"CREATE TABLE {UNFINISHED_TABLE} (begun text NOT NULL)"
_UNMARK: Final = f"DROP TABLE {UNFINISHED_TABLE}"
_LOCK: Final = sa.text("SELECT pg_try_advisory_lock(hashtextextended('parlance move', 0))")
_LEAVING_S: Final = 2.0
"""How long the server may take to see that a process has ended."""
_USERS: Final = sa.text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name = 'parlance' AND pid <> pg_backend_pid()"
)


@dataclass(frozen=True, slots=True)
class Moved:
    """What was carried over: each table's rows, and whether a run that had been ended went on."""

    tables: dict[str, TableDigest]
    went_on: bool

    @property
    def rows(self) -> int:
        """All of them."""
        return sum(one.rows for one in self.tables.values())


def moved_tables() -> list[Table]:
    """The tables that are carried over, each after those that its rows belong to."""
    assert PERSONAL_DATA  # it has each table known
    return [table for table in Base.metadata.sorted_tables if table.name not in _STAYS]


def move(source: DatabaseAddress, target: DatabaseAddress, on_step: OnStep) -> Moved:
    """Carry all of a database over to an empty one, or to one of which a run was ended; blocks. No
    bot may run on either. Raises `StorageError`."""
    _check_source(source)
    with _open_target(target) as engine, snapshot(source) as old, engine.connect() as new:
        _check_users(old)
        went_on = _begin(new, target)
        done = _copy_and_compare(old, new, on_step)
        if done is None and went_on:  # it was written to since the first run began
            _empty(new)
            done = _copy_and_compare(old, new, on_step)
        if done is None:
            raise StorageError(
                f"What {target} holds is not what {source} holds, though all of it was copied;"
                " nothing was changed over. Run it again, and report this if it stays so."
            )
        with new.begin():
            new.exec_driver_sql(_UNMARK)
    if isinstance(target, Path):
        _part(target).rename(target)
    return Moved(done, went_on)


def _check_source(source: DatabaseAddress) -> None:
    if isinstance(source, Path) and not source.is_file():
        raise StorageError(f"There is no database {source}; there is nothing to move.")
    found = revision_at(source)
    if found == newest_revision():
        return
    if found is None:
        raise StorageError(f"The database {source} cannot be read; `parlance doctor` says more.")
    older = found in revisions()
    raise StorageError(
        f"The database {source} is of "
        + ("an older version of Parlance; start it once first." if older else "a newer version.")
    )


def _check_users(connection: Connection) -> None:
    """Check that no bot uses a database at a server. Raises `StorageError`."""
    if connection.dialect.name != "postgresql":
        return
    until = time.monotonic() + _LEAVING_S
    while connection.scalar(_USERS):
        if time.monotonic() > until:
            raise StorageError("A bot is connected to the database at the server; stop it first.")
        time.sleep(0.1)


@contextmanager
def _open_target(target: DatabaseAddress) -> Iterator[Engine]:
    """The new database, with its tables; a file has another name until all is in it."""
    if isinstance(target, Path):
        if target.exists():
            raise StorageError(f"{target} is there already; name another file.")
        target = _part(target)
        if not target.exists():
            asyncio.run(migrate_if_needed(target))
            with writing_engine(target) as engine, engine.begin() as connection:
                connection.exec_driver_sql(_MARK)
    else:
        _prepare_server(target)
    with writing_engine(target) as engine:
        yield engine


def _part(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


def _prepare_server(target: ServerAddress) -> None:
    """Make the tables at a server whose database has nothing in it."""
    schema = importlib.import_module("bot.storage.postgresql.schema")
    with schema.connect(target) as connection, connection.begin():
        _check_users(connection)
        tables = set(sa.inspect(connection).get_table_names())
        if tables - _OURS - set(Base.metadata.tables):
            raise StorageError(
                f"The database {target} has tables that are not Parlance's; name an empty one."
            )
        if tables and is_unfinished(connection):
            return
        kept = [table for table in moved_tables() if table.name in tables]
        if any(connection.scalar(sa.select(sa.literal(1)).select_from(t).limit(1)) for t in kept):
            raise StorageError(
                f"The database {target} has something in it already; name an empty one."
            )
    schema.prepare_schema(target)
    with schema.connect(target) as connection, connection.begin():
        connection.exec_driver_sql(_MARK)


def _begin(connection: Connection, target: DatabaseAddress) -> bool:
    """Take the new database for this run; returns whether something is in it already."""
    part = _part(target) if isinstance(target, Path) else target
    if revision_at(part) != newest_revision():
        raise StorageError(f"The database {part} was begun by another version; name an empty one.")
    with connection.begin():
        if not isinstance(target, Path) and not connection.scalar(_LOCK):
            raise StorageError(f"Another run copies into the database {target} just now.")
        return any(last_key(connection, table) is not None for table in moved_tables())


def _copy_and_compare(
    old: Connection, new: Connection, on_step: OnStep
) -> dict[str, TableDigest] | None:
    """Copy what is missing; returns what both sides hold, None where they differ."""
    tables = moved_tables()
    counts = {table.name: count_rows(old, table) for table in tables}
    total, copied = sum(counts.values()), 0
    for table in tables:
        with new.begin():
            copied += count_rows(new, table)
            key = last_key(new, table)
        on_step(table.name, copied, total)
        for batch in batches(rows_after(old, table, key)):
            with new.begin():
                insert_rows(new, table, batch)
            copied += len(batch)
            on_step(table.name, copied, total)
    with new.begin():
        for table in tables:
            set_last_number(new, table, last_number(old, table))
    compared, found = 0, dict[str, TableDigest]()

    def on_rows(count: int) -> None:
        nonlocal compared
        compared += count
        on_step("comparing", compared // 2, total)

    for table in tables:
        there = digest_of(old, table, on_rows)
        with new.begin():
            here = digest_of(new, table, on_rows)
        if here != there:
            return None
        found[table.name] = here
    return found


def _empty(connection: Connection) -> None:
    """Delete what a run that was ended has copied."""
    tables = list(reversed(moved_tables()))
    with connection.begin():
        if connection.dialect.name == "postgresql":
            quote = connection.dialect.identifier_preparer.quote
            connection.exec_driver_sql(f"TRUNCATE {', '.join(quote(t.name) for t in tables)}")
            return
        for table in tables:
            connection.execute(sa.delete(table))
