"""Tokens end after their time, and what was not made is nobody's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from bot.mcp.tokens import PersonalTokens
from bot.storage.address import DatabaseAddress
from bot.storage.database import Database
from bot.types import ConversationKey

HOME = ConversationKey("test", "@dm", "ann")


class Clock:
    now = datetime(2026, 3, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
async def database(database_address: DatabaseAddress) -> AsyncIterator[Database]:
    database = await Database.open(database_address)
    yield database
    await database.close()


async def test_a_token_ends_after_ninety_days(database: Database) -> None:
    clock = Clock()
    tokens = PersonalTokens(database, clock=clock)
    token = await tokens.make("test:ann", ConversationKey("test", "@dm", "ann", "thread"))
    clock.now += timedelta(days=89)
    found = await tokens.find(token)
    assert found is not None
    assert (found.person, found.place) == ("test:ann", HOME)
    (listed,) = await tokens.of_person("test:ann")
    assert listed.used_at == clock.now
    clock.now += timedelta(days=1)
    assert await tokens.find(token) is None
    assert await tokens.of_person("test:ann") == []


@pytest.mark.parametrize("change", ["", "x", "é", "\udcff", "A" * 100_000])
async def test_what_was_not_made_is_nobodys(database: Database, change: str) -> None:
    tokens = PersonalTokens(database)
    token = await tokens.make("test:ann", HOME)
    assert await tokens.find(token[:-2] + change) is None
    assert await tokens.find(change) is None


async def test_its_use_is_written_once_a_minute(database: Database) -> None:
    clock = Clock()
    tokens = PersonalTokens(database, clock=clock)
    token = await tokens.make("test:ann", HOME)
    first = clock.now
    await tokens.find(token)
    clock.now += timedelta(seconds=59)
    await tokens.find(token)
    assert (await tokens.of_person("test:ann"))[0].used_at == first
