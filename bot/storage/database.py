"""The open database: connections that read, and one writer.

Reads go through a small pool of read-only connections. Writes go through one writer, which takes
whatever has piled up while it was busy and commits it in one transaction (group commit): this is
what lets many conversations be kept on disk at once.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeAlias, TypeVar, cast

import structlog
from sqlalchemy import Connection, Table
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import StorageError
from bot.storage.address import DatabaseAddress
from bot.storage.database_engine import DatabaseEngine, UnusableError
from bot.storage.engine import Base
from bot.storage.last_work import finish
from bot.storage.opening import open_engine

log = structlog.get_logger(__name__)

__all__ = ["Base", "Database", "Job"]

T = TypeVar("T")
Job = Callable[[Connection], T]
"""A function that writes. It may run twice (again by itself where another job of its transaction
failed), so it must have no effect but on the connection."""
Listener: TypeAlias = Callable[[str | None], Any]
"""Called with what another process told, and with None where something may have been missed."""

MAX_WAITING_WRITES = 2000
"""Writes that may wait; beyond it a caller waits to be let in."""
MAX_BATCH_WRITES = 256
"""Most writes in one transaction, so that the first of them does not wait for long."""
ALONG_S = 0.2
"""How long a write that nobody waits for may wait for a transaction, in seconds."""
MAX_COMMIT_TRIES = 5
"""How often a transaction is run that meets what passes, such as a deadlock of two processes."""
MAX_CUT_TRIES = 12
"""How often the log is tried to be cut while somebody reads; each waits for seconds."""
CHANGED_TABLE = "changed"
"""The topic by which processes tell each other that a table has changed; the text is its name."""


@dataclass(slots=True)
class _Write(Generic[T]):
    job: Job[T]
    done: asyncio.Future[T]
    changes: Table | None


class Database:
    """An open, migrated database. `await Database.open(address)`, and `close()` when done."""

    def __init__(self, engine: DatabaseEngine) -> None:
        self._engine = engine
        self.guard: Job[str] | None = None
        """Called first in each transaction; raises `UnusableError` where this process may not write
        any more, and returns the transaction's id."""
        self.may_write: Callable[[], bool] = lambda: True
        """Whether this process knows that the others hold it for alive, and so may write, here and
        on platforms."""
        self.clock_ahead = timedelta()
        """How far the clock of the database is ahead of this machine's, where it was compared."""
        self.process: str | None = None
        """The id of this process among those that share the database; None where it is alone."""
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="parlance-writer")
        self._queue: asyncio.Queue[_Write[Any]] = asyncio.Queue(MAX_WAITING_WRITES)
        self._along: list[_Write[Any]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False
        self._versions: Counter[str] = Counter()
        self._generation = 0
        self._listeners: defaultdict[str, list[Listener]] = defaultdict(list)
        self._scrubbing = asyncio.Lock()
        self._scrubbed = 0.0

    @classmethod
    async def open(cls, address: DatabaseAddress) -> Database:
        """Bring the database to the present schema and open it. Raises `StorageError`."""
        database = cls(await open_engine(address))
        database.on_told(CHANGED_TABLE, database._note_change)
        database._tasks = [
            asyncio.create_task(database._write_all(), name="database writer"),
            asyncio.create_task(database._engine.listen(database._hear), name="database listener"),
        ]
        return database

    @property
    def address(self) -> DatabaseAddress:
        """Where it is."""
        return self._engine.address

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncConnection, None]:
        """A connection that reads, and cannot write. Raises `StorageError`."""
        try:
            async with self._engine.read() as connection:
                yield connection
        except Exception as exc:
            if (error := self._engine.storage_error(exc)) is not None:
                raise error from exc
            raise

    async def write(self, job: Job[T], *, changes: Table | None = None) -> T:
        """Run a job in the writer's next transaction; returns what it returns, once committed.

        `changes` is a table that gets a new `version` by it. A caller that is cancelled while it
        waits does not take its write back. Raises `StorageError` where the database fails; other
        errors of the job come as they are.
        """
        if self._closing or not self._tasks:
            raise StorageError("The database is closed.")
        write = _Write(job, asyncio.get_running_loop().create_future(), changes)
        await self._queue.put(write)
        return cast(T, await write.done)

    def write_along(self, job: Job[Any]) -> None:
        """Run a job before the next write, in its transaction, or else in one of its own after
        `ALONG_S`. It is lost where the process is killed before; an error is logged."""
        if not self._along:
            self._loop.call_later(ALONG_S, self._send_along)
        write = _Write(job, self._loop.create_future(), None)
        write.done.add_done_callback(_log_error)
        self._along.append(write)

    def version(self, table: Table) -> tuple[int, int]:
        """What changes with every write that says that it changes the table, also of another
        process: what was read at another version may be out of date."""
        return self._versions[table.name], self._generation

    def now(self) -> datetime:
        """The time by which moments are stored and compared: it is the same for all processes that
        share the database, however their machines' clocks differ."""
        return datetime.now(UTC) + self.clock_ahead

    async def size(self) -> int:
        """How large it is, in bytes. Raises `StorageError`."""
        async with self.read() as connection:
            return await self._engine.size(connection)

    # --- other processes on the same database ---------------------------------------------------

    def tell(self, connection: Connection, topic: str, text: str = "") -> None:
        """Within a job: tell the other processes something of a topic, which is one word, once the
        job is committed. At most `MAX_TOLD_BYTES`; where there is no other process nothing is
        done."""
        self._engine.tell(connection, topic, text)

    def on_told(self, topic: str, listener: Listener) -> None:
        """Have what other processes tell of a topic taken in; called in the event loop."""
        self._listeners[topic].append(listener)

    def on_changed(self, table: Table, listener: Callable[[], Any]) -> None:
        """Have something called when another process has changed a table, or may have; in the event
        loop."""

        def hear(changed: str | None) -> None:
            if changed in (None, table.name):
                listener()

        self.on_told(CHANGED_TABLE, hear)

    def _hear(self, topic: str, text: str) -> None:
        if topic:
            for listener in self._listeners.get(topic, ()):
                listener(text)
            return
        self._generation += 1  # something may have been missed
        for listeners in self._listeners.values():
            for listener in listeners:
                listener(None)

    def _note_change(self, table: str | None) -> None:
        if table is not None:
            self._versions[table] += 1

    def call_in_loop(self, call: Callable[[], Any]) -> None:
        """Within a job: have something called in the event loop."""
        self._loop.call_soon_threadsafe(call)

    # --- the end ---------------------------------------------------------------------------------

    async def scrub(self) -> None:
        """Remove what deleted rows left behind, as far as the database can, after all who read it
        still. Calls that wait share the next run. Raises `StorageError`."""
        asked = time.monotonic()
        async with self._scrubbing:
            if self._scrubbed > asked:
                return
            if self._closing:
                raise StorageError("The database is closed.")
            self._scrubbed = time.monotonic()
            await self._run(self._engine.scrub)
            for _ in range(MAX_CUT_TRIES):  # writes that wait go between them
                if await self._run(self._engine.cut_log):
                    return
            raise StorageError("Somebody reads the database without end; its log could not be cut.")

    async def _run(self, call: Callable[[], T]) -> T:
        """Have the writing thread do something that is no transaction."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, call)
        except Exception as exc:
            raise self._as_storage_error(exc) from exc

    async def close(self) -> None:
        """Commit the waiting writes, and close the database. Safe to call twice."""
        self._closing = True
        if self._tasks:
            self._send_along()
            await self._queue.join()  # those that still wait to be let in are let in first
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)
            self._tasks = []
        await self._engine.close_readers()
        # The last connection to close writes the log back into the file, which may take a while.
        await asyncio.to_thread(self._engine.close_writer)
        self._thread.shutdown(wait=False)

    # --- the writer ------------------------------------------------------------------------------

    async def _write_all(self) -> None:
        """The writer: the only task that hands work to the writing thread."""
        loop = asyncio.get_running_loop()
        while True:
            batch = [await self._queue.get()]
            while len(batch) < MAX_BATCH_WRITES and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            asked = len(batch)
            batch, self._along = [*self._along, *batch], []
            results = await loop.run_in_executor(self._thread, self._commit, batch)
            # Also where a caller was cancelled, and before any of them goes on.
            self._versions.update(_changed_tables(batch))
            _resolve(batch, results)
            for _ in range(asked):
                self._queue.task_done()

    def _send_along(self) -> None:
        """Have what waits for another write done by itself, unless one is there."""
        if self._along and self._queue.empty():
            self._queue.put_nowait(self._along.pop())

    def _commit(self, batch: list[_Write[Any]]) -> list[tuple[Any, Exception | None]]:
        """In the writing thread: all jobs in one transaction, or else each in its own."""
        for tries in range(1, MAX_COMMIT_TRIES + 1):
            try:
                with self._engine.transaction() as connection:
                    if self.guard is not None:
                        self._engine.identify(self.guard(connection))
                    results: list[tuple[Any, Exception | None]]
                    results = [(write.job(connection), None) for write in batch]
                    finish(connection)
                    for table in _changed_tables(batch):
                        self._engine.tell(connection, CHANGED_TABLE, table)
                return results
            except UnusableError as exc:
                return [(None, exc) for _ in batch]
            except Exception as exc:  # noqa: BLE001 - a job's error belongs to its caller
                if tries < MAX_COMMIT_TRIES and self._engine.is_passing(exc):
                    continue
                if len(batch) == 1:
                    return [(None, self._as_storage_error(exc))]
                break
        return [outcome for write in batch for outcome in self._commit([write])]

    def _as_storage_error(self, exc: Exception) -> Exception:
        error = self._engine.storage_error(exc)
        if error is None:
            return exc
        error.__cause__ = exc
        return error


def _changed_tables(batch: list[_Write[Any]]) -> set[str]:
    return {write.changes.name for write in batch if write.changes is not None}


def _log_error(done: asyncio.Future[Any]) -> None:
    if (error := done.exception()) is not None:
        log.warning("database.not_written", reason=type(error).__name__)


def _resolve(batch: list[_Write[Any]], results: list[tuple[Any, Exception | None]]) -> None:
    for write, (value, error) in zip(batch, results, strict=True):
        if write.done.done():
            continue  # its caller was cancelled
        if error is None:
            write.done.set_result(value)
        else:
            write.done.set_exception(error)
