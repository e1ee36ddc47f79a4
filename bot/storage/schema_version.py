"""Brings a database to the present schema without importing Alembic, which takes memory and time.

At nearly every start the schema is the present one, or there is no database yet; only otherwise
`bot.storage.migrations` is imported.
"""

from __future__ import annotations

import asyncio
import importlib
import sqlite3
from contextlib import closing
from pathlib import Path

from bot.config.resources import resource
from bot.storage.creation import create


def migrations_folder() -> Path:
    """The folder of the migrations."""
    return resource("alembic")


def revisions() -> list[str]:
    """The revisions of the migrations, oldest first: their files' names begin with them."""
    names = sorted(path.name for path in (migrations_folder() / "versions").glob("[0-9]*_*.py"))
    return [name.partition("_")[0] for name in names]


def newest_revision() -> str:
    """The revision of the last migration."""
    return revisions()[-1]


def present_schema() -> Path:
    """The file of SQL that makes of an empty database what the migrations make of it; `make schema`
    writes it. It is not there while a new migration is being written."""
    return migrations_folder() / f"schema-{newest_revision()}.sql"


def stored_revision(path: Path) -> str | None:
    """The revision stored in a database; None where there is none, or it cannot be read."""
    if not path.is_file():
        return None
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error:
        return None
    return str(row[0]) if row else None


async def migrate_if_needed(path: Path) -> None:
    """Create the database, or migrate it, where its schema is not the present one.

    Raises `StorageError`.
    """
    if await asyncio.to_thread(_is_present, path):
        return
    migration = await asyncio.to_thread(importlib.import_module, "bot.storage.migrations")
    await migration.migrate(path)


def _is_present(path: Path) -> bool:
    """Whether the schema of a database is the present one; a database that is new gets it."""
    if path.is_file() and path.stat().st_size:
        return stored_revision(path) == newest_revision()
    schema = present_schema()
    if schema.is_file():
        create(path, schema)
    return schema.is_file()
