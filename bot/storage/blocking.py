"""Reads and changes a database from a process or a thread that has no `Database`: exports, and
commands beside a running bot. All of it blocks."""

from __future__ import annotations

import importlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from bot.errors import StorageError
from bot.storage.address import DatabaseAddress
from bot.storage.engine import snapshot_engine, storage_error, sync_engine
from bot.storage.last_work import finish
from bot.storage.schema_version import stored_revision


@contextmanager
def snapshot(address: DatabaseAddress) -> Iterator[Connection]:
    """A connection that sees the database as it was when this began, whatever is written meanwhile,
    and cannot write. Raises `StorageError`."""
    if isinstance(address, Path):
        engine = snapshot_engine(address)
    else:
        engine = _server().reading_snapshot_engine(address)
    with _explained(address, engine), engine.begin() as connection:
        yield connection


@contextmanager
def writing_engine(address: DatabaseAddress) -> Iterator[Engine]:
    """An engine for one thread, that writes. Raises `StorageError`."""
    if isinstance(address, Path):
        engine = sync_engine(address)
    else:
        engine = _server().writing_engine(address)
    with _explained(address, engine):
        yield engine


def size_at(address: DatabaseAddress) -> int:
    """How large a database is, in bytes. Raises `StorageError`."""
    with snapshot(address) as connection:
        if isinstance(address, Path):
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            return int(pages * connection.exec_driver_sql("PRAGMA page_size").scalar_one())
        return int(connection.scalar(sa.text("SELECT pg_database_size(current_database())")) or 0)


def write_once(address: DatabaseAddress, job: Callable[[Connection], object]) -> None:
    """Run a job in a transaction of its own. Raises `StorageError`."""
    with writing_engine(address) as engine, engine.begin() as connection:
        job(connection)
        finish(connection)


def revision_at(address: DatabaseAddress) -> str | None:
    """The revision of a database's tables; None where it has none, or there is no such file, or it
    cannot be read. Raises `StorageError` where a server cannot be reached."""
    if isinstance(address, Path):
        return stored_revision(address)
    schema = importlib.import_module("bot.storage.postgresql.schema")
    with schema.connect(address) as connection:
        found: str | None = schema.stored_revision(connection)
    return found


def _server() -> Any:
    """Imported where a server is configured."""
    return importlib.import_module("bot.storage.postgresql.connections")


@contextmanager
def _explained(address: DatabaseAddress, engine: Engine) -> Iterator[None]:
    """Explain the errors of an engine, and dispose of it."""
    try:
        yield
    except Exception as exc:
        error = _storage_error(address, exc)
        if error is None:
            raise
        raise error from exc
    finally:
        engine.dispose()


def _storage_error(address: DatabaseAddress, exc: Exception) -> StorageError | None:
    """An error of this database for an operator; None for what is none, or one of another kind."""
    if isinstance(address, Path):
        found = exc.orig if isinstance(exc, DBAPIError) else exc
        if isinstance(found, sqlite3.Error):
            return storage_error(address, exc)
        return None
    errors = importlib.import_module("bot.storage.postgresql.errors")
    if isinstance(exc, DBAPIError) and errors.driver_error(exc) is None:
        return None
    error: StorageError | None = errors.storage_error(address, exc)
    return error
