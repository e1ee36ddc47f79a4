"""Forgetting goes a batch at a time, and lets others write in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import func, select

from bot.history.attachments import AttachmentSnapshot, StoredContextMessage
from bot.history.reply_addresses import SqlReplies
from bot.history.sql_store import SqlHistoryStore
from bot.history.tables import feedback, materials, quoted, replies, turns
from bot.replies.protocol import Reply
from bot.settings.choices_store import SqlPreferences
from bot.storage.address import DatabaseAddress
from bot.storage.batches import MAX_BATCH_ROWS
from bot.storage.database import Database, Job, T
from tests.contracts.history_contract import HERE, answering, asked, exchange

EVE = "slack:eve"


class CountingDatabase(Database):
    """A real database that counts its writes."""

    writes = 0

    async def write(self, job: Job[T], **more: object) -> T:
        self.writes += 1
        return await super().write(job, **more)  # type: ignore[arg-type]


@pytest.fixture
async def database(database_address: DatabaseAddress) -> AsyncIterator[CountingDatabase]:
    database = await CountingDatabase.open(database_address)
    assert isinstance(database, CountingDatabase)
    yield database
    await database.close()


async def rows(database: Database) -> list[int]:
    async with database.read() as connection:
        every = (turns, replies, feedback, materials, quoted)
        found = [await connection.scalar(select(func.count()).select_from(t)) for t in every]
        return [int(count or 0) for count in found]


async def test_others_write_between_two_batches(database: CountingDatabase) -> None:
    store, questions = SqlHistoryStore(database), MAX_BATCH_ROWS * 3
    await asyncio.gather(*(exchange(store, asked(str(n), author=EVE)) for n in range(questions)))
    before = database.writes
    forgetting = asyncio.create_task(store.forget(person=EVE))
    seen = set[int | None]()
    while not forgetting.done():
        await store.claim("slack", f"E{len(seen)}")  # another's write, which is not kept waiting
        async with database.read() as connection:
            seen.add(await connection.scalar(select(func.count()).select_from(turns)))
    assert await forgetting == questions * 2
    assert database.writes - before > 3
    assert len(seen) > 1, "all went in one transaction"
    assert (await rows(database))[0] == 0


async def test_what_belongs_to_a_turn_goes_with_it(database: CountingDatabase) -> None:
    store, addresses = SqlHistoryStore(database), SqlReplies(database)
    quote = StoredContextMessage("Bob", "his", by="slack:bob")
    await exchange(store, asked("1", author=EVE))
    await store.keep("q-1", AttachmentSnapshot((), (quote,)))
    await store.feedback("a-1", "slack:bob", "good")
    await addresses.save(Reply("a-1", "slack", HERE, {"ts": "1"}, True))
    await addresses.save(Reply("quick", "slack", HERE, {"ts": "2"}, True))
    assert await rows(database) == [2, 2, 1, 1, 1]
    await store.forget(person=EVE)
    assert await rows(database) == [0, 1, 0, 0, 0]
    assert await addresses.get("quick") is not None


async def test_a_reply_that_was_shown_before_its_turn_was_stored(
    database: CountingDatabase,
) -> None:
    """A place in the queue is shown first; the address is saved again when the answer is there."""
    store, addresses = SqlHistoryStore(database), SqlReplies(database)
    question = asked("1", author=EVE)
    await addresses.save(Reply("a-1", "slack", HERE, {"ts": "1"}, False))
    await store.open(question, answering(question))
    await addresses.save(Reply("a-1", "slack", HERE, {"ts": "1"}, True))
    await store.forget(person=EVE)
    assert await addresses.get("a-1") is None


async def test_a_verdict_on_an_answer_that_is_gone_is_not_kept(
    database: CountingDatabase,
) -> None:
    store = SqlHistoryStore(database)
    await store.feedback("gone", "slack:bob", "good")
    assert await rows(database) == [0, 0, 0, 0, 0]


async def test_many_messages_that_others_quoted(database: CountingDatabase) -> None:
    store, count = SqlHistoryStore(database), MAX_BATCH_ROWS + 50
    hers = StoredContextMessage("Eve", "hers", by=EVE)
    for n in range(count):
        await exchange(store, asked(str(n)))
    about = {n for n in range(count) if n % 10 == 0}
    for n in range(count):
        target = hers if n in about else None
        await store.keep(f"q-{n}", AttachmentSnapshot((), () if target else (hers,), target))
    await store.forget(person=EVE)
    assert await rows(database) == [2 * (count - len(about)), 0, 0, 0, 0]


async def test_many_settings_that_a_person_chose(database: CountingDatabase) -> None:
    choices, store = SqlPreferences(database), SqlHistoryStore(database)
    await exchange(store, asked("1", "slack:T1:D1", author=EVE))
    await exchange(store, asked("2", "slack:T1:C1"))
    names = [f"n{n}" for n in range(MAX_BATCH_ROWS + 10)]
    for name in names:
        await choices.put(name, "slack:T1:D1", "x", EVE)
        await choices.put(name, "slack:T1:C1", "x", EVE)
    await store.forget(person=EVE)
    for name in names:
        assert await choices.get(name, "slack:T1:D1") is None
        assert await choices.get(name, "slack:T1:C1") == "x"
