"""What many turns store at once takes few statements, however many they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from bot.history.daily_use import DailyLimits, DailyUse
from bot.history.reply_addresses import SqlReplies
from bot.history.sql_store import SqlHistoryStore
from bot.history.tables import turns
from bot.replies.protocol import Reply
from bot.storage.address import DatabaseAddress
from bot.storage.database import Database
from tests.contracts.history_contract import answering, asked

TURNS = 40


@pytest.fixture
async def database(database_address: DatabaseAddress) -> AsyncIterator[Database]:
    database = await Database.open(database_address)
    yield database
    await database.close()


async def sent(database: Database, work: Iterable[Awaitable[Any]]) -> int:
    """How many statements are sent for what is done at once."""
    found = 0

    def count(*_: object) -> None:
        nonlocal found
        found += 1

    engine: Any = database._engine
    sa.event.listen(engine._engine, "before_cursor_execute", count)
    await asyncio.gather(*work)
    sa.event.remove(engine._engine, "before_cursor_execute", count)
    return found


async def test_turns_that_begin_and_end_at_once_share_their_statements(database: Database) -> None:
    """Each sent its own, and waited for those of all others: to a server and back."""
    store, replies = SqlHistoryStore(database), SqlReplies(database)
    use = DailyUse(database, DailyLimits(steps=100))
    questions = [asked(f"{n}", f"slack:T1:C{n}") for n in range(TURNS)]
    answers = [replace(answering(one), text="done", status="complete") for one in questions]
    shown = [Reply(one.id, "slack", one.conversation, {"n": one.id}) for one in answers]
    began = (store.open(one, answering(one), claim=True) for one in questions)
    assert await sent(database, began) <= 3  # with that which asks for the transaction's id
    assert await sent(database, (use.add(one.author, "C", steps=1) for one in questions)) <= 2
    assert await sent(database, map(replies.save, shown)) <= 2
    assert await sent(database, (store.progress(one.id, "so far") for one in answers)) <= 2
    assert await sent(database, map(store.finish, answers)) <= 4
    async with database.read() as connection:
        stored = sa.select(turns.c.id, turns.c.answers).order_by(turns.c.seq)
        rows = [tuple(row) for row in await connection.execute(stored)]
    assert [one for one, of in rows if of is None] == [one.id for one in questions]
    assert [one for one in rows if one[1] is not None] == [(a.id, a.answers) for a in answers]
    assert [await store.get(one.id) for one in answers] == answers
    assert [await replies.get(one.turn) for one in shown] == shown
