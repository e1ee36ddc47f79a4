"""A database at a PostgreSQL server, which several processes use at the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Final

import psycopg
import sqlalchemy as sa
import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import StorageError
from bot.storage.address import ServerAddress
from bot.storage.database_engine import OnNotice, UnusableError
from bot.storage.postgresql.connections import (
    connect_to_listen,
    reading_engine,
    writing_engine,
)
from bot.storage.postgresql.errors import (
    is_away,
    is_passing,
    is_read_only,
    storage_error,
)
from bot.storage.postgresql.schema import prepare_schema

log = structlog.get_logger(__name__)

PATIENCE_S: Final = 25.0
"""How long a read or a write waits for a server that is away, such as one that restarts."""
_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 1.0
_LISTENING_S: Final = 5.0
"""How long notices are waited for until it is looked whether the server has moved."""
_CHANNEL: Final = "parlance"
_TELL: Final = sa.text("SELECT pg_notify(:channel, :said)")
_XID: Final = sa.text("SELECT cast(pg_current_xact_id_if_assigned() AS text)")
_STATUS: Final = sa.text("SELECT pg_xact_status(cast(:xid AS xid8))")
_SIZE: Final = sa.text("SELECT pg_database_size(current_database())")
_VACUUM: Final = "VACUUM"


class PostgresqlEngine:
    """Implements `DatabaseEngine` on a server with the present schema."""

    def __init__(self, address: ServerAddress) -> None:
        self.address = address
        self._epoch = 0
        """Grows when the server has become one that can only be read: that which can be written to
        is at another place, where all connections have to go."""
        self._readers = reading_engine(address, lambda: self._epoch)
        self._engine = writing_engine(address)
        self._connection: Connection | None = None
        self._own_pid = 0
        self._committing = False
        """Whether the transaction that failed last was being committed."""
        self._xid: str | None = None

    @classmethod
    def open(cls, address: ServerAddress) -> PostgresqlEngine:
        """Bring the schema up to date, and open the database; blocks. Raises `StorageError`."""
        prepare_schema(address)
        return cls(address)

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncConnection, None]:
        connection = await self._reading_connection()
        try:
            yield connection
        finally:
            await connection.close()

    async def _reading_connection(self) -> AsyncConnection:
        for pause in _pauses():
            try:
                return await self._readers.connect().start()
            except DBAPIError as exc:
                if not is_away(exc):
                    raise
                if pause is None:
                    raise self._unreachable(exc) from exc
                await asyncio.sleep(pause)
        raise AssertionError

    def _unreachable(self, exc: DBAPIError) -> UnusableError:
        return UnusableError(str(storage_error(self.address, exc)))

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        connection = self._writing_connection()
        self._committing = False
        self._xid = None
        transaction = connection.begin()
        try:
            yield connection
            # Only what has written something has an id, and can be lost.
            self._xid = self._xid or connection.scalar(_XID)
            self._committing = self._xid is not None
            transaction.commit()
        except BaseException as exc:
            if is_away(exc) or is_read_only(exc):
                self._drop_connection()
                self._epoch += is_read_only(exc)
                if self._committing and self._was_committed(self._xid):
                    return
            else:
                with suppress(SQLAlchemyError):
                    transaction.rollback()
            raise

    def _was_committed(self, xid: str | None) -> bool:
        """What has become of a transaction whose commit was not answered."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            connection = self._writing_connection()
            status = connection.scalar(_STATUS, {"xid": xid})
            connection.rollback()
            if status != "in progress":
                self._committing = status is None  # too long ago for the server to know
                return bool(status == "committed")
            time.sleep(_FIRST_PAUSE_S)
        return False

    def identify(self, transaction: str) -> None:
        self._xid = transaction

    def is_passing(self, exc: Exception) -> bool:
        away = is_away(exc) or is_read_only(exc)
        return is_passing(exc) or (not self._committing and away)

    def storage_error(self, exc: Exception) -> StorageError | None:
        return storage_error(self.address, exc)

    def tell(self, connection: Connection, topic: str, text: str) -> None:
        connection.execute(_TELL, {"channel": _CHANNEL, "said": f"{topic} {text}"})

    async def listen(self, on_notice: OnNotice) -> None:
        pause, lost = _FIRST_PAUSE_S, False
        while True:
            try:
                async with await connect_to_listen(self.address) as connection:
                    await connection.execute(f"LISTEN {_CHANNEL}")
                    if lost:
                        log.info("database.listener_back")
                    on_notice("", "")
                    pause, lost, epoch = _FIRST_PAUSE_S, False, self._epoch
                    while epoch == self._epoch:
                        async for notice in connection.notifies(timeout=_LISTENING_S):
                            if notice.pid != self._own_pid:
                                on_notice(*_topic_of(notice.payload))
            except (psycopg.Error, OSError) as exc:
                if not lost:
                    log.warning("database.listener_lost", reason=type(exc).__name__)
                lost = True
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    async def size(self, connection: AsyncConnection) -> int:
        return int(await connection.scalar(_SIZE) or 0)

    def scrub(self) -> None:
        """Have the server give up deleted rows. What was in its log and its copies stays there as
        long as its operator keeps these."""
        with self._engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(_VACUUM)

    def cut_log(self) -> bool:
        """The log is the server's."""
        return True

    def close_writer(self) -> None:
        self._drop_connection()
        self._engine.dispose()

    async def close_readers(self) -> None:
        await self._readers.dispose()

    def _writing_connection(self) -> Connection:
        if self._connection is not None:
            return self._connection
        for pause in _pauses():
            try:
                self._connection = self._engine.connect()
                driver = self._connection.connection.driver_connection
                assert driver is not None
                self._own_pid = driver.info.backend_pid
                return self._connection
            except DBAPIError as exc:
                if not is_away(exc):
                    raise
                if pause is None:
                    raise self._unreachable(exc) from exc
                time.sleep(pause)
        raise AssertionError

    def _drop_connection(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with suppress(SQLAlchemyError, psycopg.Error):
                connection.close()


def _topic_of(payload: str) -> tuple[str, str]:
    topic, _, text = payload.partition(" ")
    return topic, text


def _pauses() -> Iterator[float | None]:
    """Pauses between tries to reach a server, in seconds; None where the patience is over."""
    until, pause = time.monotonic() + PATIENCE_S, _FIRST_PAUSE_S
    while time.monotonic() + pause < until:
        yield pause
        pause = min(2 * pause, _LONGEST_PAUSE_S)
    yield None
