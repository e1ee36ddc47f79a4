"""Opens the SQLite file, and explains the errors of SQLite."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any
from weakref import WeakSet

from sqlalchemy import URL, Connection, Engine, ForeignKey, MetaData, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import NullPool, StaticPool

from bot.errors import StorageError

MAX_READ_CONNECTIONS = 4
"""Connections that read at the same time."""
READ_WAIT_S = 300.0
"""How long a read may wait for one of them: a turn has its own deadline, and must not fail before
it because many read at once on a machine that has much to do."""


class Base(DeclarativeBase):
    """Every table of the database registers with `Base.metadata`."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def belongs_to(owner: str) -> ForeignKey:
    """For a column that names a row's owner, by `table.column`: the row is deleted with it."""
    return ForeignKey(owner, ondelete="CASCADE")


def sync_engine(path: Path) -> Engine:
    """An engine for one thread, that writes: DDL and DML are in real transactions."""
    engine = create_engine(
        URL.create("sqlite", database=str(path)),  # in a string `?` and `%` would mean something
        poolclass=StaticPool,
        connect_args={"check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _: object) -> None:
        # The driver's own idea of when a transaction begins leaves DDL out; we say it ourselves.
        connection.isolation_level = None
        for pragma in (
            "busy_timeout = 5000",
            "journal_mode = WAL",
            "synchronous = NORMAL",
            "foreign_keys = ON",
            "secure_delete = FAST",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("BEGIN IMMEDIATE")  # by SQLAlchemy it would take as long as an insert

    return engine


class _ReadConnection(sqlite3.Connection):
    """A connection that lets go of what it read as it is closed: one of a read that was cancelled
    has an open statement, and with it a view of the file that keeps the log from being cut."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._cursors: WeakSet[sqlite3.Cursor] = WeakSet()

    def cursor(self, *arguments: Any, **options: Any) -> Any:
        cursor = super().cursor(*arguments, **options)
        self._cursors.add(cursor)
        return cursor

    def close(self) -> None:
        for cursor in [*self._cursors]:
            cursor.close()
        super().close()


async def _open_reader(*arguments: Any, **options: Any) -> Any:
    """Open a connection. Whoever is cancelled meanwhile waits until it is open, and closes it: left
    alone, its thread would answer an event loop that may have ended."""
    import aiosqlite  # as late as SQLAlchemy does

    connection = aiosqlite.connect(*arguments, factory=_ReadConnection, **options)
    connection._thread.daemon = True  # as SQLAlchemy has it
    opening = asyncio.ensure_future(connection)
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        await asyncio.wait([opening])
        if opening.exception() is None:
            await connection.close()
        raise


def read_engine(path: Path) -> AsyncEngine:
    """An engine whose connections read, and cannot write."""
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        connect_args={"async_creator_fn": _open_reader},
        isolation_level="AUTOCOMMIT",
        pool_size=MAX_READ_CONNECTIONS,
        max_overflow=0,
        pool_timeout=READ_WAIT_S,
        pool_reset_on_return=None,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _connect(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        for pragma in ("busy_timeout = 5000", "query_only = ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


def snapshot_engine(path: Path) -> Engine:
    """An engine for one thread, that reads and cannot write: each connection sees the file as it
    was when it began, whatever is written meanwhile."""
    uri = f"{path.resolve().as_uri()}?mode=ro"
    engine = create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(uri, uri=True, isolation_level=None),
        poolclass=NullPool,
    )

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def storage_error(path: Path, exc: Exception) -> StorageError:
    """The error of SQLite as one sentence for an operator."""
    text = str(exc.orig if isinstance(exc, DBAPIError) else exc).lower()
    if "full" in text:
        what = "there is no space left on its disk; make room and start again"
    elif "readonly" in text or "read-only" in text or "permission" in text:
        what = "it cannot be written to; check the owner and mode of its folder"
    elif "unable to open" in text:
        what = "it cannot be opened; check that its folder exists and may be written to"
    elif "not a database" in text or "malformed" in text:
        what = "it is damaged or not a database; `parlance restore` puts a backup back"
    elif "locked" in text or "busy" in text:
        what = "another process keeps it locked"
    else:
        what = f"it cannot be used ({type(exc).__name__})"
    return StorageError(f"The database {path}: {what}.")
