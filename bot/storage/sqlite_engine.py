"""A database in a file of SQLite, which one process alone uses."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import StorageError
from bot.storage.database_engine import OnNotice
from bot.storage.engine import read_engine, storage_error, sync_engine


class SqliteEngine:
    """Implements `DatabaseEngine` on a file with the present schema."""

    def __init__(self, path: Path) -> None:
        self.address = path
        self._readers = read_engine(path)
        self._engine = sync_engine(path)
        self._connection: Connection | None = None

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncConnection, None]:
        async with self._readers.connect() as connection:
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        try:
            connection = self._connection = self._connection or self._engine.connect()
            with connection.begin():
                yield connection
        except BaseException:
            self._drop_connection()
            raise

    def identify(self, transaction: str) -> None:
        """Nothing is looked up."""

    def is_passing(self, exc: Exception) -> bool:
        return False

    def storage_error(self, exc: Exception) -> StorageError | None:
        if isinstance(exc, SQLAlchemyError | sqlite3.Error):
            return storage_error(self.address, exc)
        return None

    def tell(self, connection: Connection, topic: str, text: str) -> None:
        """There is no other process."""

    async def listen(self, on_notice: OnNotice) -> None:
        """Nobody tells anything."""

    async def size(self, connection: AsyncConnection) -> int:
        pages = await connection.exec_driver_sql("PRAGMA page_count")
        size = await connection.exec_driver_sql("PRAGMA page_size")
        return int(pages.scalar_one() * size.scalar_one())

    def scrub(self) -> None:
        """Rewrite the file: SQLite leaves copies of deleted rows behind when it moves them, even
        with `secure_delete`."""
        self._execute("VACUUM")

    def cut_log(self) -> bool:
        busy, *_ = self._execute("PRAGMA wal_checkpoint(TRUNCATE)")[0]
        return not busy

    def close_writer(self) -> None:
        self._drop_connection()
        self._engine.dispose()

    async def close_readers(self) -> None:
        await self._readers.dispose()

    def _execute(self, statement: str) -> list[Any]:
        """Outside of a transaction; what it returns."""
        with self._engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            return list(driver.execute(statement).fetchall())

    def _drop_connection(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with suppress(SQLAlchemyError, sqlite3.Error):
                connection.close()
