"""Migrates the database to the present schema, after copying the file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from bot.errors import StorageError
from bot.private_files import make_folder
from bot.storage.address import DatabaseAddress
from bot.storage.backups import backup_folder, copy_into, copy_path, remove_all_but_newest
from bot.storage.blocking import revision_at
from bot.storage.creation import make_database_file
from bot.storage.engine import storage_error, sync_engine
from bot.storage.schema_version import migrations_folder, revisions


async def migrate(path: Path, folder: Path | None = None) -> Sequence[str]:
    """Migrate a database to the present schema, or create it; returns the revisions applied.

    A file that has something in it is copied to `backups/` first. Nothing is changed where a
    migration fails. `folder` holds the scripts, ours by default. Raises `StorageError`: a newer
    schema, no space, no right to write.
    """
    return await asyncio.to_thread(_migrate, path, folder)


async def pending(address: DatabaseAddress) -> Sequence[str]:
    """Revisions that the next start would apply, oldest first; changes nothing, makes no file.
    Raises `StorageError`."""
    if isinstance(address, Path):
        return await asyncio.to_thread(_pending, address)
    present = await asyncio.to_thread(revision_at, address)
    return [one for one in revisions() if present is None or one > present]


def alembic_config(
    connection: Connection | None = None, folder: Path | None = None
) -> AlembicConfig:
    """Alembic's settings, in code: where the scripts are, and on which connection they run."""
    config = AlembicConfig()
    config.set_main_option("script_location", str(folder or migrations_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _pending(path: Path) -> Sequence[str]:
    if not path.exists():
        return _revisions_after(path, None, None)
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            tables = "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"
            if connection.execute(tables).fetchone() is None:
                return _revisions_after(path, None, None)
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as exc:
        raise storage_error(path, exc) from exc
    return _revisions_after(path, None, row[0] if row else None)


def _migrate(path: Path, folder: Path | None) -> Sequence[str]:
    make_database_file(path)
    with _connected(path) as connection:
        present = MigrationContext.configure(connection).get_current_revision()
        connection.rollback()
        todo = _revisions_after(path, folder, present)
        if todo and present is not None:
            _copy(connection, path, present)
        if todo:
            # A table that is written anew is dropped, and would take with it what belongs to it.
            _driver(connection).execute("PRAGMA foreign_keys = OFF")
            with connection.begin():
                command.upgrade(alembic_config(connection, folder), "head")
                if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                    raise StorageError(f"The database {path} has rows that belong to nothing.")
    return todo


def _revisions_after(path: Path, folder: Path | None, present: str | None) -> Sequence[str]:
    directory = ScriptDirectory.from_config(alembic_config(folder=folder))
    known = [script.revision for script in directory.walk_revisions()][::-1]
    if present is None:
        return known
    if present not in known:
        raise StorageError(
            f"The database {path} was made by a newer version of Parlance (schema {present:.40}); "
            "update Parlance, or name another data_dir."
        )
    return known[known.index(present) + 1 :]


@contextmanager
def _connected(path: Path) -> Iterator[Connection]:
    engine = sync_engine(path)
    try:
        with engine.connect() as connection:
            yield connection
    except (SQLAlchemyError, sqlite3.Error, OSError) as exc:
        raise storage_error(path, exc) from exc
    finally:
        engine.dispose()


def _copy(connection: Connection, path: Path, present: str) -> None:
    folder = backup_folder(path)
    make_folder(folder)
    copy_into(_driver(connection), copy_path(path, folder, present))
    remove_all_but_newest(path)


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver
