"""The id of an installation, by which servers that several of them use tell them apart.

It belongs to the installation and not to its data: a backup that is restored elsewhere makes
another one.
"""

from __future__ import annotations

import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection

from bot.storage.database import Database
from bot.storage.insert import insert_into
from bot.storage.tables import installation

_NAME = "id"
_ID_BYTES = 8


async def installation_id(database: Database) -> str:
    """Returns the id, 16 hexadecimal digits; the first call makes it. All processes of a database
    have the same one."""
    query = sa.select(installation.c.value).where(installation.c.name == _NAME)
    async with database.read() as connection:
        found: str | None = await connection.scalar(query)
    if found is not None:
        return found
    made = {"name": _NAME, "value": secrets.token_hex(_ID_BYTES)}

    def job(connection: Connection) -> str:
        connection.execute(insert_into(connection, installation).on_conflict_do_nothing(), made)
        return str(connection.scalar(query))

    return await database.write(job)


def read_id(path: Path) -> str | None:
    """Returns the id in a database file that is not open; None where there is none yet. Raises
    `sqlite3.Error` for a damaged file."""
    with closing(sqlite3.connect(path)) as database:
        if not _has_table(database):
            return None
        row = database.execute("SELECT value FROM installation WHERE name = ?", (_NAME,)).fetchone()
        return str(row[0]) if row is not None else None


def take_over_id(path: Path, present: Path) -> None:
    """Gives a database file that takes the place of another the id that is there now; where there
    is none, it is made anew. Where that cannot be read any more, the file keeps its own.

    Neither file is open. Raises `sqlite3.Error`.
    """
    try:
        ident = read_id(present) if present.exists() else None
    except sqlite3.Error:
        return
    with closing(sqlite3.connect(path)) as database, database:
        if not _has_table(database):  # it is of an older version
            return
        database.execute("DELETE FROM installation WHERE name = ?", (_NAME,))
        if ident is not None:
            database.execute("INSERT INTO installation VALUES (?, ?)", (_NAME, ident))


def _has_table(database: sqlite3.Connection) -> bool:
    found = database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (installation.name,))
    return found.fetchone() is not None
