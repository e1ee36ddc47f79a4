"""The file of one process with the full text of a database beside it; every method blocks.

Beside the tables of full text it knows how far it is with each base: `generation`, the `version`
whose removed passages are out, and the `highest` number of a passage that is in. A base is
`complete` where nothing is missing between these.
"""

from __future__ import annotations

import importlib
import sqlite3
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import StorageError
from bot.knowledge.index import full_text
from bot.knowledge.index.full_text_entries import Entry
from bot.private_files import make_file, make_folder
from bot.storage.engine import storage_error

if TYPE_CHECKING:
    from bot.storage.sqlite_engine import SqliteEngine

_SCHEMA: Final = 1
"""The version of the tables in the file; one of another version is made anew."""
_DAMAGE_CODES: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_MAKE_STATES: Final = (
    "CREATE TABLE IF NOT EXISTS followed (base TEXT PRIMARY KEY, generation INTEGER NOT NULL,"
    " version INTEGER NOT NULL, highest INTEGER NOT NULL, complete INTEGER NOT NULL)"
)
_MAKE_TRACES: Final = "CREATE TABLE IF NOT EXISTS traces (number INTEGER PRIMARY KEY)"
"""Has a row while the file may still hold what was removed."""
_PUT_STATE: Final = sa.text(
    "INSERT OR REPLACE INTO followed VALUES (:base, :generation, :version, :highest, :complete)"
)
_DROP_STATE: Final = sa.text("DELETE FROM followed WHERE base = :base")
_LEAVE_TRACES: Final = "INSERT OR IGNORE INTO traces VALUES (1)"


class DamagedFile(Exception):
    """The file cannot be read any more; it has to be made anew."""


@dataclass(frozen=True, slots=True)
class FollowedBase:
    """How far the file is with a base."""

    generation: int
    version: int
    highest: int = 0
    complete: bool = False


class FullTextFile:
    """An open file. All methods but `read` are called in one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine: SqliteEngine | None = None
        self.followed: dict[str, FollowedBase] = {}
        """How far it is with each base, by name; also read by other threads."""

    def open(self) -> None:
        """Open the file, or make it; one that is damaged or of another version is made anew. Raises
        `StorageError`."""
        try:
            if self._read_states():
                return
        except DamagedFile:
            pass
        self.remove()
        if not self._read_states():
            raise StorageError(f"The file {self._path} cannot be made.")

    def _read_states(self) -> bool:
        """Open the file as it is, or make it; returns whether it has the present tables. Raises
        `DamagedFile`, `StorageError`."""
        self.followed = {}
        with _explained(self._path):
            new = not self._path.exists()
            make_folder(self._path.parent)
            make_file(self._path)
            # As late as this: it imports a driver.
            module = importlib.import_module("bot.storage.sqlite_engine")
            self._engine = module.SqliteEngine(self._path)
        with self._transaction() as connection:
            if new:
                connection.exec_driver_sql(f"PRAGMA user_version = {_SCHEMA}")
                connection.exec_driver_sql(_MAKE_STATES)
                connection.exec_driver_sql(_MAKE_TRACES)
            elif connection.exec_driver_sql("PRAGMA user_version").scalar() != _SCHEMA:
                return False
            rows = connection.exec_driver_sql("SELECT * FROM followed")
            self.followed = {
                row[0]: FollowedBase(row[1], row[2], row[3], bool(row[4])) for row in rows
            }
        return True

    def remove(self) -> None:
        """Close the file, and remove it. Raises `StorageError`."""
        self.close()
        with _explained(self._path):
            importlib.import_module("bot.knowledge.index.full_text_inside").remove_database_file(
                self._path
            )

    def close(self) -> None:
        """Close what writes; whoever reads goes on."""
        self.followed = {}
        if self._engine is not None:
            engine, self._engine = self._engine, None
            engine.close_writer()

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncConnection, None]:
        """A connection that reads. Raises `DamagedFile`, `StorageError`."""
        with _explained(self._path):
            async with self._opened.read() as connection:
                yield connection

    def begin(self, base: str, state: FollowedBase) -> None:
        """Begin with a base anew."""
        with self._transaction() as connection:
            full_text.drop_table(connection, base)
            full_text.make_table(connection, base)
            self._put(connection, base, state)
        self.followed[base] = state

    def change(
        self,
        base: str,
        state: FollowedBase,
        removed: Sequence[int],
        added: Sequence[Entry],
        *,
        purge: bool,
    ) -> None:
        """Take passages of a base out and in; after that it is as far as `state`. With `purge` also
        the words of the removed ones are taken out, and what else is left of them is noted."""
        with self._transaction() as connection:
            full_text.remove_entries(connection, base, removed)
            full_text.add_entries(connection, base, added)
            if removed and purge:
                full_text.purge_removed(connection, base)
                connection.exec_driver_sql(_LEAVE_TRACES)
            self._put(connection, base, state)
        self.followed[base] = state

    def drop(self, base: str) -> None:
        """Let go of a base that the database has no more."""
        with self._transaction() as connection:
            full_text.drop_table(connection, base)
            connection.execute(_DROP_STATE, {"base": base})
            connection.exec_driver_sql(_LEAVE_TRACES)
        self.followed.pop(base, None)

    def drop_unknown_tables(self) -> None:
        """Drop the tables of bases that it does not follow."""
        with self._transaction() as connection:
            full_text.drop_unknown_tables(connection, [*self.followed])

    def repair(self, base: str, wanted: set[int]) -> tuple[set[int], int]:
        """Take out wrong passages; returns the missing ones, and how many were wrong."""
        with self._transaction() as connection:
            return full_text.repair_table(connection, base, wanted)

    def scrub(self) -> bool:
        """Rewrite the file if it may hold something of what was removed; False where it still does,
        since somebody reads it."""
        with self._transaction() as connection:
            if connection.exec_driver_sql("SELECT 1 FROM traces").first() is None:
                return True
        with _explained(self._path):
            self._opened.scrub()
            if not self._opened.cut_log():
                return False
        with self._transaction() as connection:
            connection.exec_driver_sql("DELETE FROM traces")
        return True

    async def close_readers(self) -> None:
        """Close the connections that read; before `close`."""
        if self._engine is not None:
            await self._engine.close_readers()

    @property
    def _opened(self) -> SqliteEngine:
        if self._engine is None:
            raise StorageError(f"The file {self._path} is closed.")
        return self._engine

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with _explained(self._path), self._opened.transaction() as connection:
            yield connection

    def _put(self, connection: Connection, base: str, state: FollowedBase) -> None:
        values = {name: getattr(state, name) for name in state.__slots__}
        connection.execute(_PUT_STATE, {"base": base, **values})


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Raises errors of SQLite and of the disk as `DamagedFile` or `StorageError`."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as exc:
        found = exc.orig if isinstance(exc, DBAPIError) else exc
        if getattr(found, "sqlite_errorcode", 0) & 0xFF in _DAMAGE_CODES:
            raise DamagedFile from exc
        raise storage_error(path, exc) from exc
