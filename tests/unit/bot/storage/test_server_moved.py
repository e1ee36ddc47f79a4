"""A PostgreSQL server that comes up again at another of the addresses that are known of it."""

from __future__ import annotations

import asyncio
import socket
import uuid
from contextlib import ExitStack

import pytest
import sqlalchemy as sa

from bot.errors import StorageError
from bot.history.tables import choices
from bot.storage.address import ServerAddress
from bot.storage.database import Database
from tests.fakes.postgresql import PostgresqlServer
from tests.until import PATIENCE_S, until

_PID = sa.text("SELECT pg_backend_pid()")


def two_free_ports() -> list[int]:
    with ExitStack() as stack:
        bound = [stack.enter_context(socket.socket()) for _ in range(2)]
        for one in bound:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in bound]


async def move(server: PostgresqlServer, port: int) -> None:
    await asyncio.to_thread(server.stop)
    server.port = port
    await asyncio.to_thread(server.start)


async def set_option(server: PostgresqlServer, how: str) -> None:
    await asyncio.to_thread(server.execute, f"ALTER SYSTEM {how}")
    await asyncio.to_thread(server.execute, "SELECT pg_reload_conf()")


async def write(database: Database, name: str) -> None:
    statement = sa.text("INSERT INTO choices VALUES (:name, '', 'v', '', 0)")
    await database.write(
        lambda connection: connection.execute(statement, {"name": name}) and None, changes=choices
    )


async def names(database: Database) -> list[str]:
    async with database.read() as connection:
        return [*await connection.scalars(sa.select(choices.c.name).order_by(choices.c.name))]


async def test_all_connections_follow_a_server_to_another_of_its_addresses(
    own_postgresql: PostgresqlServer,
) -> None:
    created = await asyncio.to_thread(own_postgresql.create)
    first, second = two_free_ports()
    await move(own_postgresql, first)
    address = ServerAddress.parse(
        f"postgresql://parlance@127.0.0.1:{first},127.0.0.1:{second}/{created.url.database}"
        "?target_session_attrs=read-write"
    )
    one, two = await Database.open(address), await Database.open(address)
    heard: list[str | None] = []
    two.on_told("changed", heard.append)
    await until(lambda: None in heard)  # it listens
    await write(one, "before")
    assert await names(two) == ["before"]
    await until(lambda: "choices" in heard)

    heard.clear()
    await move(own_postgresql, second)
    await write(one, "later")
    assert await names(two) == ["before", "later"]
    await until(lambda: None in heard)  # it listens again, and may have missed something
    await write(one, "last")
    await until(lambda: "choices" in heard)
    await one.close()
    await two.close()


async def test_a_server_that_can_only_be_read_by_now_is_left_for_one_that_can_be_written_to(
    own_postgresql: PostgresqlServer,
) -> None:
    """As where another has taken its place under the same name: reads go there as well."""
    database = await Database.open(await asyncio.to_thread(own_postgresql.create))
    await write(database, "before")
    async with database.read() as connection:
        before = await connection.scalar(_PID)
    await set_option(own_postgresql, "SET default_transaction_read_only = on")

    async def write_until_it_is_refused() -> None:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                await write(database, uuid.uuid4().hex)

    with pytest.raises(StorageError, match="it can only be read; it may be a standby"):
        await write_until_it_is_refused()
    async with database.read() as connection:
        assert await connection.scalar(_PID) != before
    await set_option(own_postgresql, "RESET default_transaction_read_only")
    await write(database, "later")
    assert {"before", "later"} <= {*await names(database)}
    await database.close()


def test_an_address_may_have_several_hosts() -> None:
    address = ServerAddress.parse(
        "postgresql://me:p%2Cw@one:5432,two,[::1]:5433/kept?sslmode=require"
    )
    query = {"host": "one,two,::1", "port": "5432,,5433", "sslmode": "require"}
    assert dict(address.url.query) == query
    assert (address.url.username, address.url.password) == ("me", "p,w")
    assert str(address) == "kept at one,two,::1"
