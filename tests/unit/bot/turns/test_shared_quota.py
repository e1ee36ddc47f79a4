"""A person's questions an hour, counted over several processes."""

from __future__ import annotations

import asyncio

import pytest

from bot.errors import Busy
from bot.storage.address import ServerAddress
from bot.storage.database import Database
from bot.turns.shared_quota import SharedQuota
from tests.fakes.postgresql import PostgresqlServer


@pytest.fixture
def address(postgresql: PostgresqlServer) -> ServerAddress:
    return postgresql.create()


async def test_processes_count_the_questions_of_a_person_together(address: ServerAddress) -> None:
    databases = [await Database.open(address) for _ in range(2)]
    here, there = (SharedQuota(4, database) for database in databases)
    asked = [one.count("slack:U0ADA") for _ in range(6) for one in (here, there)]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Busy)]
    assert [outcome for outcome in outcomes if outcome not in refused] == [None] * 4
    assert len(refused) == 8
    assert all(800 < busy.retry_after_s <= 900 for busy in refused)
    await there.count("slack:U0EVE")
    for database in databases:
        await database.close()
