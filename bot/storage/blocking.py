"""Reads and changes a database from a process or a thread that has no `Database`: exports, and
commands beside a running bot. All of it blocks."""

from __future__ import annotations

import importlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from bot.storage.address import DatabaseAddress
from bot.storage.engine import snapshot_engine, storage_error, sync_engine
from bot.storage.schema_version import stored_revision


@contextmanager
def snapshot(address: DatabaseAddress) -> Iterator[Connection]:
    """A connection that sees the database as it was when this began, whatever is written meanwhile,
    and cannot write. Raises `StorageError`."""
    if isinstance(address, Path):
        engine = snapshot_engine(address)
    else:
        engine = _server().reading_snapshot_engine(address)
    with _connected(address, engine) as connection, connection.begin():
        yield connection


def write_once(address: DatabaseAddress, job: Callable[[Connection], object]) -> None:
    """Run a job in a transaction of its own. Raises `StorageError`."""
    if isinstance(address, Path):
        engine = sync_engine(address)
    else:
        engine = _server().writing_engine(address)
    with _connected(address, engine) as connection, connection.begin():
        job(connection)


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
def _connected(address: DatabaseAddress, engine: Engine) -> Iterator[Connection]:
    try:
        with engine.connect() as connection:
            yield connection
    except (SQLAlchemyError, sqlite3.Error) as exc:
        if isinstance(address, Path):
            raise storage_error(address, exc) from exc
        errors = importlib.import_module("bot.storage.postgresql.errors")
        raise errors.storage_error(address, exc) or exc from exc
    finally:
        engine.dispose()
