"""What is said of a server that lets nobody in: a sentence that helps, without the password."""

from __future__ import annotations

import asyncio

import pytest
from psycopg import OperationalError

from bot.errors import StorageError
from bot.storage.address import ServerAddress
from bot.storage.database import Database
from bot.storage.postgresql.errors import storage_error
from tests.fakes.postgresql import PostgresqlServer

HERE = ServerAddress.parse("postgresql://parlance:hunter2@db.example.org/kept")


async def refusal(address: ServerAddress) -> str:
    with pytest.raises(StorageError) as caught:
        await Database.open(address)
    assert "hunter2" not in str(caught.value)
    return str(caught.value)


async def test_a_database_that_cannot_hold_every_text_is_refused(
    postgresql: PostgresqlServer,
) -> None:
    address = postgresql.address("latin")
    create = "CREATE DATABASE latin ENCODING LATIN1 LOCALE 'C' TEMPLATE template0"
    await asyncio.to_thread(postgresql.execute, create)
    assert "holds text as LATIN1; create one with UTF8" in await refusal(address)
    await asyncio.to_thread(postgresql.drop, address)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('FATAL:  password authentication failed for user "parlance"', "name or the password"),
        ("fe_sendauth: no password supplied", "name or the password"),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.1"', "name or the password"),
        ("FATAL:  the database system is starting up", "is starting or stopping; try"),
        ("FATAL:  sorry, too many clients already", "no connection left"),
        ("failed to resolve host 'db.example.org'", "no host of that name"),
        ("connection to server failed: Connection refused", "cannot be reached"),
    ],
)
def test_what_a_server_says_is_told_in_other_words(said: str, told: str) -> None:
    error = storage_error(HERE, OperationalError(said))
    assert error is not None
    assert told in str(error)
    assert str(error).startswith("The database kept at db.example.org: ")
