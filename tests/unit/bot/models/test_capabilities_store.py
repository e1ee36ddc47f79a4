"""What models were found to be able to do is known to later processes, and to others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert

from backends.base import Capabilities
from bot.history.tables import capabilities
from bot.models.capabilities_store import SqlCapabilitiesStore
from bot.storage.address import DatabaseAddress
from bot.storage.database import Database

CHATS, EMBEDS = Capabilities(context=2048), Capabilities(chat=False, embed=True, dimension=8)


@pytest.fixture
async def database(database_address: DatabaseAddress) -> AsyncIterator[Database]:
    opened = await Database.open(database_address)
    yield opened
    await opened.close()


async def test_what_was_found_last_is_known_also_elsewhere(
    database_address: DatabaseAddress, database: Database
) -> None:
    store = SqlCapabilitiesStore(database)
    assert await store.all() == {}
    await store.put("default", EMBEDS)
    await store.put("embedder", EMBEDS)
    await store.put("default", CHATS)
    another = await Database.open(database_address)
    assert await SqlCapabilitiesStore(another).all() == {"default": CHATS, "embedder": EMBEDS}
    await another.close()


async def test_what_another_version_wrote_is_left_out(database: Database) -> None:
    store = SqlCapabilitiesStore(database)
    row = {"replica": "default", "found": '{"chat": "a little"}', "at": datetime.now(UTC)}
    await database.write(lambda connection: connection.execute(insert(capabilities), row).rowcount)
    await store.put("embedder", EMBEDS)
    assert await store.all() == {"embedder": EMBEDS}
    await store.put("default", CHATS)
    assert (await store.all())["default"] == CHATS
