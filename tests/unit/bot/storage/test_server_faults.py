"""What becomes of reads and writes where a PostgreSQL server restarts, cuts, refuses or is full."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy import Connection, text

from bot.errors import ConfigError, StorageError
from bot.history.tables import choices
from bot.storage.address import ServerAddress
from bot.storage.database import Database
from tests.fakes.postgresql import PostgresqlServer
from tests.until import PATIENCE_S

PIDS = text("SELECT pg_backend_pid()")


@pytest.fixture
def server(postgresql: PostgresqlServer) -> PostgresqlServer:
    """The server of the session, which is not stopped."""
    return postgresql


@pytest.fixture
async def database(postgresql_address: ServerAddress) -> AsyncIterator[Database]:
    database = await Database.open(postgresql_address)
    yield database
    await database.close()


@pytest.fixture
def postgresql_address(postgresql: PostgresqlServer) -> ServerAddress:
    return postgresql.create()


@pytest.fixture
def own_address(own_postgresql: PostgresqlServer) -> ServerAddress:
    return own_postgresql.create()


@pytest.fixture
async def on_own(own_address: ServerAddress) -> AsyncIterator[Database]:
    database = await Database.open(own_address)
    yield database
    await database.close()


def put(connection: Connection, name: str) -> None:
    connection.execute(text(f"INSERT INTO choices VALUES ('{name}', '', 'v', '', 0)"))


async def names(database: Database) -> list[str]:
    async with database.read() as connection:
        return [*await connection.scalars(sa.select(choices.c.name).order_by(choices.c.name))]


async def test_reads_and_writes_wait_for_a_server_that_restarts(
    on_own: Database, own_postgresql: PostgresqlServer
) -> None:
    await on_own.write(lambda connection: put(connection, "before"))
    assert await names(on_own) == ["before"]
    await asyncio.to_thread(own_postgresql.stop, "fast")
    writing = [
        asyncio.create_task(on_own.write(lambda connection, n=n: put(connection, f"n{n}")))  # type: ignore[misc]
        for n in range(5)
    ]
    reading = asyncio.create_task(names(on_own))
    await asyncio.sleep(0.3)
    assert not reading.done()
    assert not any(task.done() for task in writing)
    await asyncio.to_thread(own_postgresql.start)
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*writing)
        assert (await reading)[0] == "before"
    assert await names(on_own) == ["before", "n0", "n1", "n2", "n3", "n4"]


async def test_a_connection_that_is_cut_in_a_transaction_loses_and_doubles_nothing(
    database: Database, server: PostgresqlServer
) -> None:
    cut = threading.Event()

    def job(connection: Connection) -> int:
        pid = int(connection.scalar(PIDS) or 0)
        put(connection, "once")
        if not cut.is_set():
            cut.set()
            server.execute(f"SELECT pg_terminate_backend({pid}, 5000)")
        return pid

    await database.write(job)
    assert await names(database) == ["once"]


async def test_a_commit_whose_answer_is_lost_is_looked_up(
    database: Database, server: PostgresqlServer
) -> None:
    """The job is not run a second time, though nobody was told that the first was committed."""
    runs = 0

    def job(connection: Connection) -> None:
        nonlocal runs
        runs += 1
        put(connection, "once")
        if runs == 1:
            driver = connection.connection.driver_connection
            assert driver is not None
            _lose_answer_to_commit(driver)

    await database.write(job)
    assert runs == 1
    assert await names(database) == ["once"]


def _lose_answer_to_commit(driver: object) -> None:
    """Have the next commit arrive, and its answer not."""
    commit = driver.commit  # type: ignore[attr-defined]

    def commit_and_lose() -> None:
        commit()
        driver.pgconn.finish()  # type: ignore[attr-defined]
        raise psycopg.OperationalError("the connection is lost")

    driver.commit = commit_and_lose  # type: ignore[attr-defined]


async def test_readers_whose_connections_were_cut_get_others(
    database: Database, server: PostgresqlServer
) -> None:
    async with database.read() as one, database.read() as two:
        pids = [await one.scalar(PIDS), await two.scalar(PIDS)]
    for pid in pids:
        await asyncio.to_thread(server.execute, f"SELECT pg_terminate_backend({pid}, 5000)")
    for _ in range(4):
        assert await names(database) == []


async def test_one_of_two_jobs_that_deadlock_is_run_again(
    postgresql_address: ServerAddress,
) -> None:
    one, two = await Database.open(postgresql_address), await Database.open(postgresql_address)
    for name in "ab":
        await one.write(lambda connection, name=name: put(connection, name))  # type: ignore[misc]
    met, begun = threading.Barrier(2), set[str]()

    def change(connection: Connection, first: str, second: str) -> None:
        more = "UPDATE choices SET value = value || '+' WHERE name = :name"
        connection.execute(text(more), {"name": first})
        if first not in begun:
            begun.add(first)
            met.wait(PATIENCE_S)
        connection.execute(text(more), {"name": second})

    await asyncio.wait_for(
        asyncio.gather(
            one.write(lambda connection: change(connection, "a", "b")),
            two.write(lambda connection: change(connection, "b", "a")),
        ),
        PATIENCE_S,
    )
    async with one.read() as connection:
        assert set(await connection.scalars(sa.select(choices.c.value))) == {"v++"}
    await one.close()
    await two.close()


async def test_what_cannot_be_opened_is_told_in_a_sentence_without_the_password(
    server: PostgresqlServer,
) -> None:
    missing = server.address("nowhere")
    with pytest.raises(StorageError, match="there is no such database"):
        await Database.open(missing)
    address = ServerAddress.parse("postgresql://me:hunter2secret@127.0.0.1:1/parlance")
    assert "hunter2secret" not in f"{address} {address!r}"
    with pytest.raises(StorageError, match="it cannot be reached") as told:
        await Database.open(address)
    assert "hunter2secret" not in str(told.value)
    for wrong in ("mysql://x/y", "postgresql://host", "no address", "postgresql://me:p@h:port/x"):
        with pytest.raises(ConfigError, match="must look like"):
            ServerAddress.parse(wrong)


async def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(StorageError, match="can only be read"):
        async with database.read() as connection:
            await connection.execute(text("DELETE FROM choices"))
