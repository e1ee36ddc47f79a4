"""Full text in the database itself, where that is SQLite's; implements `FullTextWriter`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.knowledge.index.full_text import (
    add_entries,
    drop_table,
    drop_unknown_tables,
    make_table,
    remove_entries,
    repair_table,
    table_name,
)
from bot.knowledge.index.full_text_entries import Entry, select_entries
from bot.knowledge.index.rows import BaseRow
from bot.knowledge.index.tables import bases, changes, passages
from bot.storage.database import Database

__all__ = [
    "FullTextInside",
    "add_entries",
    "drop_table",
    "make_table",
    "remove_entries",
    "rewrite",
]

T = TypeVar("T")
_INDEXED_PASSAGES = 500
"""Passages that are read, and written to full text, at a time."""


def rewrite(connection: Connection, base: BaseRow) -> None:
    """Makes the table of a base anew, of the passages of its generation."""
    drop_table(connection, base.name)
    make_table(connection, base.name)
    _add_passages(connection, base)


class FullTextInside:
    """Implements `FullText`: the passages and their words change in one transaction."""

    def __init__(self, database: Database, beside: Path) -> None:
        self._db = database
        self._beside = beside

    async def ask(
        self,
        bases: Collection[BaseRow],
        question: Callable[[AsyncConnection], Awaitable[T]],
        *,
        again: bool = False,
    ) -> T:
        async with self._db.read() as connection:
            return await question(connection)

    async def start(self) -> None:
        """Make the tables where the database was moved from another engine, and let go of what
        belongs to that: its file, out of which nobody would take what is forgotten, and versions,
        which do not rise here."""
        await asyncio.to_thread(remove_database_file, self._beside)
        async with self._db.read() as connection:
            known = (await connection.execute(sa.select(bases.c.name, bases.c.version))).all()
            names = sa.text("SELECT name FROM sqlite_master WHERE sql LIKE '%USING fts5%'")
            tables = set(await connection.scalars(names))
        if any(row.version for row in known):
            await self._db.write(_forget_versions)
        if any(table_name(row.name) not in tables for row in known):
            await self.repair()

    async def bring_up_to_date(self) -> None:
        """It always is."""

    async def follow(self) -> None:
        """Nobody else changes anything."""

    async def repair(self) -> tuple[int, int]:
        return await self._db.write(_repair)

    async def aclose(self) -> None:
        """It is closed with the database."""


def remove_database_file(path: Path) -> None:
    """Removes a file of SQLite and its log, if they are there; blocks."""
    for name in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        name.unlink(missing_ok=True)


def _forget_versions(connection: Connection) -> None:
    connection.execute(sa.delete(changes))
    connection.execute(sa.update(bases).values(version=0))


def _add_passages(connection: Connection, base: BaseRow, numbers: set[int] | None = None) -> None:
    """Adds passages of a base's generation: all of them, or those numbered."""
    query = select_entries(base.name, base.generation)
    rows = connection.execute(query.execution_options(yield_per=_INDEXED_PASSAGES))
    for part in rows.partitions():
        wanted = [row for row in part if numbers is None or row.number in numbers]
        add_entries(connection, base.name, [Entry(*row) for row in wanted])


def _repair(connection: Connection) -> tuple[int, int]:
    """Makes full text hold exactly the passages of each base; returns how many came and went."""
    columns = [bases.c[name] for name in BaseRow.__dataclass_fields__]
    live = [BaseRow(*row) for row in connection.execute(sa.select(*columns)).all()]
    drop_unknown_tables(connection, [base.name for base in live])
    added = removed = 0
    for base in live:
        numbers = sa.select(passages.c.number).where(passages.c.base == base.name)
        missing, gone = repair_table(connection, base.name, set(connection.scalars(numbers)))
        if missing:
            _add_passages(connection, base, missing)
        added += len(missing)
        removed += gone
    return added, removed
