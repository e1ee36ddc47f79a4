"""The open database: connections that read, and one writer.

Reads go through a small pool of read-only connections. Writes go through one writer, which takes
whatever has piled up while it was busy and commits it in one transaction (group commit): this is
what lets many conversations be kept on disk at once.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import Connection, Table
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import StorageError
from bot.storage.engine import Base, read_engine, storage_error, sync_engine
from bot.storage.schema_version import migrate_if_needed

__all__ = ["Base", "Database", "Job"]

T = TypeVar("T")
Job = Callable[[Connection], T]
"""A function that writes. It may run twice (again by itself where another job of its transaction
failed), so it must have no effect but on the connection."""

MAX_WAITING_WRITES = 2000
"""Writes that may wait; beyond it a caller waits to be let in."""
MAX_BATCH_WRITES = 256
"""Most writes in one transaction, so that the first of them does not wait for long."""


@dataclass(slots=True)
class _Write(Generic[T]):
    job: Job[T]
    done: asyncio.Future[T]
    changes: Table | None


class Database:
    """An open, migrated database. `await Database.open(path)`, and `close()` when done."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._readers = read_engine(path)
        self._engine = sync_engine(path)
        self._connection: Connection | None = None
        """The connection of the writing thread, opened again after an error."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="parlance-writer")
        self._queue: asyncio.Queue[_Write[Any]] = asyncio.Queue(MAX_WAITING_WRITES)
        self._writer: asyncio.Task[None] | None = None
        self._closing = False
        self._versions: Counter[Table] = Counter()
        self._scrubbing = asyncio.Lock()
        self._scrubbed = 0.0

    @classmethod
    async def open(cls, path: Path) -> Database:
        """Migrate the file to the present schema and open it. Raises `StorageError`."""
        await migrate_if_needed(path)
        database = await asyncio.to_thread(cls, path)
        database._writer = asyncio.create_task(database._write_all(), name="database writer")
        return database

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncConnection, None]:
        """A connection that reads, and cannot write. Raises `StorageError`."""
        try:
            async with self._readers.connect() as connection:
                yield connection
        except (SQLAlchemyError, sqlite3.Error) as exc:
            raise storage_error(self.path, exc) from exc

    async def write(self, job: Job[T], *, changes: Table | None = None) -> T:
        """Run a job in the writer's next transaction; returns what it returns, once committed.

        `changes` is a table that gets a new `version` by it. A caller that is cancelled while it
        waits does not take its write back. Raises `StorageError` where the database fails; other
        errors of the job come as they are.
        """
        if self._closing or self._writer is None:
            raise StorageError("The database is closed.")
        write = _Write(job, asyncio.get_running_loop().create_future(), changes)
        await self._queue.put(write)
        return cast(T, await write.done)

    def version(self, table: Table) -> int:
        """A number that grows with every write that says that it changes the table: what was read
        at another number may be out of date."""
        return self._versions[table]

    async def scrub(self) -> None:
        """Rewrite the file, so that nothing that was deleted is left in it or in its log: SQLite
        leaves copies of deleted rows behind when it moves them, even with `secure_delete`. Calls
        that wait share the next run. Raises `StorageError`."""
        asked = time.monotonic()
        async with self._scrubbing:
            if self._scrubbed > asked:
                return
            if self._closing:
                raise StorageError("The database is closed.")
            self._scrubbed = time.monotonic()
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._thread, self._vacuum)

    def _vacuum(self) -> None:
        """In the writing thread, outside of any transaction."""
        try:
            with self._engine.connect() as connection:
                driver = connection.connection.driver_connection
                assert driver is not None
                driver.execute("VACUUM")
                driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except (SQLAlchemyError, sqlite3.Error) as exc:
            raise storage_error(self.path, exc) from exc

    async def close(self) -> None:
        """Commit the waiting writes, and close the file. Safe to call twice."""
        self._closing = True
        if self._writer is not None:
            await self._queue.join()  # those that still wait to be let in are let in first
            self._writer.cancel()
            await asyncio.wait([self._writer])
            self._writer = None
        await self._readers.dispose()
        # The last connection to close writes the log back into the file, which may take a while.
        await asyncio.to_thread(self._close_writer)
        self._thread.shutdown(wait=False)

    def _close_writer(self) -> None:
        self._drop_connection()
        self._engine.dispose()

    def _drop_connection(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with suppress(SQLAlchemyError, sqlite3.Error):
                connection.close()

    async def _write_all(self) -> None:
        """The writer: the only task that hands work to the writing thread."""
        loop = asyncio.get_running_loop()
        while True:
            batch = [await self._queue.get()]
            while len(batch) < MAX_BATCH_WRITES and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            jobs = [write.job for write in batch]
            results = await loop.run_in_executor(self._thread, self._commit, jobs)
            # Also where a caller was cancelled, and before any of them goes on.
            self._versions.update(write.changes for write in batch if write.changes is not None)
            _resolve(batch, results)
            for _ in batch:
                self._queue.task_done()

    def _commit(self, jobs: list[Job[Any]]) -> list[tuple[Any, Exception | None]]:
        """In the writing thread: all jobs in one transaction, or else each in its own."""
        try:
            connection = self._connection = self._connection or self._engine.connect()
            with connection.begin():
                return [(job(connection), None) for job in jobs]
        except Exception as exc:  # noqa: BLE001 - a job's error belongs to its caller, whatever it is
            self._drop_connection()
            if len(jobs) == 1:
                return [(None, self._as_storage_error(exc))]
            return [outcome for job in jobs for outcome in self._commit([job])]

    def _as_storage_error(self, exc: Exception) -> Exception:
        if not isinstance(exc, SQLAlchemyError | sqlite3.Error):
            return exc
        error = storage_error(self.path, exc)
        error.__cause__ = exc
        return error


def _resolve(batch: list[_Write[Any]], results: list[tuple[Any, Exception | None]]) -> None:
    for write, (value, error) in zip(batch, results, strict=True):
        if write.done.done():
            continue  # its caller was cancelled
        if error is None:
            write.done.set_result(value)
        else:
            write.done.set_exception(error)
