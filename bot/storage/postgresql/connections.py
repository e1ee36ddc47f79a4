"""Opens connections to a PostgreSQL server: some that read, one that writes, one that listens."""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Any, Final

import psycopg
from psycopg.abc import AdaptContext
from psycopg.types.string import StrDumper
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from bot.storage.address import ServerAddress

MAX_READING_CONNECTIONS: Final = 4
"""Connections that read at the same time; with those that write and listen a process has six."""
READING_WAIT_S: Final = 300.0
"""How long a read may wait for one of them: a turn has its own deadline, and must not fail before
it because many read at once on a machine that has much to do."""
CONNECT_TIMEOUT_S: Final = 5
_DIALECT: Final[Any] = PGDialect_psycopg()  # type: ignore[no-untyped-call]
_EPOCH: Final = "epoch"
_MAX_LAST_WORDS: Final = 10
_KEEPALIVE: Final = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "application_name": "parlance",
}
"""A server that vanished without a word is noticed within half a minute."""
_SETTINGS: Final = "-c statement_timeout=60s -c idle_in_transaction_session_timeout=10s"
"""A process that is stopped in the middle of a transaction holds its locks for ten seconds."""


class _TextDumper(StrDumper):
    """Writes text without the characters that PostgreSQL's texts cannot hold."""

    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\0", "\ufffd") if "\0" in obj else obj)


def _prepare(connection: AdaptContext) -> None:
    connection.adapters.register_dumper(str, _TextDumper)


async def connect_to_listen(address: ServerAddress) -> psycopg.AsyncConnection[Any]:
    """A connection that takes in notices. Raises an error of psycopg."""
    _, given = _DIALECT.create_connect_args(address.url)
    return await psycopg.AsyncConnection.connect(**{**given, **_KEEPALIVE}, autocommit=True)


def _for_reading(address: ServerAddress) -> URL:
    """The address for connections that cannot write: where only a server is to be taken that can be
    written to, libpq would refuse them, so they ask for one that is no standby."""
    wanted = address.url.query.get("target_session_attrs")
    return address.url.update_query_dict(
        {"target_session_attrs": "primary"} if wanted == "read-write" else {}
    )


def writing_engine(address: ServerAddress) -> Engine:
    """An engine for one thread, that writes; each connection of it is a new one.

    Parameters are numbered as the server does it: other placeholders of inserts of many rows are
    looked for in their text each time, which holds the interpreter for most of a millisecond.
    """
    engine = create_engine(
        address.url,
        poolclass=NullPool,
        paramstyle="numeric_dollar",
        connect_args={**_KEEPALIVE, "options": _SETTINGS, "cursor_factory": psycopg.RawCursor},
        execution_options={"preserve_rowcount": True},  # also that of inserts
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _: object) -> None:
        _prepare(connection)

    return engine


def reading_snapshot_engine(address: ServerAddress) -> Engine:
    """An engine for one thread, whose transactions read what was there when they began."""
    return create_engine(
        _for_reading(address),
        poolclass=NullPool,
        isolation_level="REPEATABLE READ",
        connect_args={**_KEEPALIVE, "options": "-c default_transaction_read_only=on"},
    )


def schema_engine(address: ServerAddress) -> Engine:
    """An engine that changes tables, for which it may take as long as it needs."""
    return create_engine(address.url, poolclass=NullPool, connect_args=dict(_KEEPALIVE))


def reading_engine(address: ServerAddress, epoch: Callable[[], int]) -> AsyncEngine:
    """An engine whose connections read, and cannot write. Those of an earlier `epoch` than that of
    the moment are opened anew: the server is at another place by now."""
    engine = create_async_engine(
        _for_reading(address),
        connect_args={
            **_KEEPALIVE,
            "options": f"{_SETTINGS} -c default_transaction_read_only=on",
        },
        isolation_level="AUTOCOMMIT",
        pool_size=MAX_READING_CONNECTIONS,
        max_overflow=0,
        pool_timeout=READING_WAIT_S,
        pool_reset_on_return=None,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _connect(connection: Any, record: ConnectionPoolEntry) -> None:
        _prepare(connection.driver_connection)
        record.info[_EPOCH] = epoch()

    @event.listens_for(engine.sync_engine, "checkout")
    def _checkout(connection: Any, record: ConnectionPoolEntry, _: object) -> None:
        if record.info[_EPOCH] != epoch() or _is_cut(connection.driver_connection):
            raise DisconnectionError("the server has closed it")  # the pool opens another

    return engine


def _is_cut(connection: psycopg.AsyncConnection[Any]) -> bool:
    """Whether the server has ended an idle connection; asks the socket, not the server."""
    wire = connection.pgconn
    if connection.closed:
        return True
    try:
        for _ in range(_MAX_LAST_WORDS):
            if not select.select([wire.socket], [], [], 0)[0]:
                return False
            wire.consume_input()  # why the server ends it, and then the end
    except (psycopg.OperationalError, OSError, ValueError):
        pass
    return True
