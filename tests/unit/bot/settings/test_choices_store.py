"""What people chose at run time: the narrowest scope counts, and restarts change nothing."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.history.sql_store import SqlHistoryStore
from bot.settings.choices_store import MAX_KNOWN_SCOPES, SqlPreferences
from bot.storage.address import DatabaseAddress
from bot.storage.database import Database
from bot.storage.database_engine import DatabaseEngine
from bot.types import SCOPES, ConversationKey

HERE = ConversationKey("slack", "T1", "C1", thread="9.1")
SCOPED = [(width, HERE.scope(width)) for width in SCOPES]


@pytest.fixture
async def choices(database_address: DatabaseAddress) -> AsyncIterator[SqlPreferences]:
    database = await Database.open(database_address)
    yield SqlPreferences(database)
    await database.close()


async def test_nothing_was_chosen(choices: SqlPreferences) -> None:
    assert await choices.get("model", "") is None
    assert await choices.resolve("model", SCOPED) is None
    assert await choices.resolve("model", []) is None


async def test_the_narrowest_scope_counts(choices: SqlPreferences) -> None:
    for width in reversed(SCOPES):
        await choices.put("model", HERE.scope(width), f"for-{width}", "slack:ada")
        assert await choices.resolve("model", SCOPED) == (width, f"for-{width}")
    for width, wider in itertools.pairwise(SCOPES):
        await choices.clear("model", HERE.scope(width))
        assert await choices.resolve("model", SCOPED) == (wider, f"for-{wider}")


async def test_a_later_choice_replaces_an_earlier_one(choices: SqlPreferences) -> None:
    await choices.put("model", "", "one", "slack:ada")
    await choices.put("model", "", "two", "slack:bob")
    assert await choices.get("model", "") == "two"


async def test_names_do_not_mix(choices: SqlPreferences) -> None:
    await choices.put("model", "", "one", "slack:ada")
    assert await choices.get("persona", "") is None
    await choices.clear("persona", "")
    assert await choices.get("model", "") == "one"


async def test_choices_survive_a_restart(tmp_path: Path) -> None:
    for run in range(2):
        database = await Database.open(tmp_path / "parlance.db")
        choices = SqlPreferences(database)
        assert await choices.get("model", "slack:T1") == (None if run == 0 else "tiny")
        await choices.put("model", "slack:T1", "tiny", "slack:ada")
        await database.close()


class SlowDatabase(Database):
    """A real database whose answers come late, when `let_go` is set."""

    def __init__(self, engine: DatabaseEngine) -> None:
        super().__init__(engine)
        self.let_go = asyncio.Event()
        self.has_read = asyncio.Event()

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncConnection, None]:
        async with super().read() as connection:
            yield connection
        self.has_read.set()
        await self.let_go.wait()


@pytest.fixture
async def slow(tmp_path: Path) -> AsyncIterator[SlowDatabase]:
    database = await SlowDatabase.open(tmp_path / "parlance.db")
    assert isinstance(database, SlowDatabase)
    yield database
    database.let_go.set()
    await database.close()


async def test_an_older_read_does_not_hide_a_later_choice(slow: SlowDatabase) -> None:
    choices = SqlPreferences(slow)
    older = asyncio.create_task(choices.resolve("model", SCOPED))
    await slow.has_read.wait()
    await choices.put("model", "", "tiny", "slack:ada")
    slow.let_go.set()
    await older
    assert await choices.resolve("model", SCOPED) == ("default", "tiny")


async def test_a_choice_holds_where_whoever_made_it_did_not_wait(slow: SlowDatabase) -> None:
    """A write goes on when its caller is cancelled, and what was read before it is out of date."""
    slow.let_go.set()
    choices = SqlPreferences(slow)
    assert await choices.get("model", "") is None
    hold = threading.Event()
    holding = asyncio.create_task(slow.write(lambda _: hold.wait()))
    putting = asyncio.create_task(choices.put("model", "", "tiny", "slack:ada"))
    await asyncio.sleep(0)
    putting.cancel()
    await asyncio.wait([putting])
    assert await choices.get("model", "") is None  # the writer has not come to it
    hold.set()
    await holding
    await slow.write(lambda _: None)  # the writer is through with what was waiting
    assert await choices.get("model", "") == "tiny"


async def test_what_is_forgotten_holds_no_longer(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "parlance.db")
    choices, history = SqlPreferences(database), SqlHistoryStore(database)
    await choices.put("model", str(HERE), "tiny", "slack:ada")
    assert await choices.get("model", str(HERE)) == "tiny"
    await history.forget(conversation=str(HERE))
    assert await choices.get("model", str(HERE)) is None
    await database.close()


async def test_more_scopes_than_are_kept_in_memory(choices: SqlPreferences) -> None:
    await choices.put("model", "s1", "tiny", "slack:ada")
    every = [f"s{n}" for n in range(MAX_KNOWN_SCOPES + 500)]
    for at in range(0, len(every), 500):
        await choices.resolve("other", [("channel", scope) for scope in every[at : at + 500]])
    assert await choices.get("model", "s1") == "tiny"
