"""Creates the database file, without importing Alembic, which takes memory and time."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from bot.errors import StorageError
from bot.private_files import make_file, make_folder
from bot.storage.engine import storage_error


def make_database_file(path: Path) -> None:
    """Create an empty private file, and its folder. Raises `StorageError`: no folder can be made.

    That a file cannot be made is left for SQLite to say.
    """
    try:
        make_folder(path.parent)
    except OSError as exc:
        raise StorageError(f"The folder {path.parent} cannot be made: {exc.strerror}.") from exc
    with suppress(OSError):
        make_file(path)


def create(path: Path, schema: Path) -> None:
    """Create a database with a schema, which is a file of SQL. Raises `StorageError`."""
    make_database_file(path)
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(f"BEGIN IMMEDIATE;\n{schema.read_text('utf-8')}\nCOMMIT;")
    except (sqlite3.Error, OSError) as exc:
        raise storage_error(path, exc) from exc
