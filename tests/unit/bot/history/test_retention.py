"""What is older than `history.keep_days` goes with what belongs to it; the rest stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, func, select, update

from bot.history.attachments import AttachmentSnapshot, StoredContextMessage, StoredFile
from bot.history.reply_addresses import SqlReplies
from bot.history.retention import remove_expired, remove_expired_daily
from bot.history.sql_store import SqlHistoryStore
from bot.history.tables import feedback, materials, processed_events, quoted, replies, turns
from bot.replies.protocol import Reply
from bot.settings.choices_store import SqlPreferences
from bot.storage.address import DatabaseAddress
from bot.storage.batches import MAX_BATCH_ROWS
from bot.storage.database import Database
from bot.storage.personal_data import EVENT_RETENTION
from tests.contracts.history_contract import HERE, answering, asked
from tests.until import until

NOW = datetime(2026, 6, 1, tzinfo=UTC)
OLD, NEW = NOW - timedelta(days=40), NOW - timedelta(days=5)


@pytest.fixture
async def database(database_address: DatabaseAddress) -> AsyncIterator[Database]:
    database = await Database.open(database_address)
    yield database
    await database.close()


async def put(
    database: Database, name: str, at: datetime, answered: datetime | None = None
) -> None:
    """A question of that time with all that may belong to it, answered then or later."""
    store, addresses = SqlHistoryStore(database), SqlReplies(database)
    question = asked(name, at=at)
    answer = replace(answering(question), at=answered or at)
    await store.open(question, answer)
    await store.finish(replace(answer, status="complete"))
    quote = StoredContextMessage("Eve", "hers", by="slack:eve")
    await store.keep(question.id, AttachmentSnapshot((StoredFile("a.md", "A", "x"),), (quote,)))
    await store.feedback(answer.id, "slack:bob", "good")
    await addresses.save(Reply(answer.id, "slack", HERE, {"ts": name}, True))
    await addresses.save(Reply(f"quick-{name}", "slack", HERE, {"ts": name}, True))
    await store.claim("slack", f"event-{name}")

    def age(connection: Connection) -> None:
        connection.execute(update(feedback).where(feedback.c.turn == answer.id).values(at=at))
        mine = replies.c.turn.in_([answer.id, f"quick-{name}"])
        connection.execute(update(replies).where(mine).values(at=at))
        event = processed_events.c.event_id == f"event-{name}"
        connection.execute(update(processed_events).where(event).values(at=at))

    await database.write(age)


async def left(database: Database) -> dict[str, list[str]]:
    columns = (
        turns.c.id,
        materials.c.turn,
        quoted.c.turn,
        feedback.c.turn,
        replies.c.turn,
        processed_events.c.event_id,
    )
    async with database.read() as connection:
        return {
            column.table.name: sorted(await connection.scalars(select(column)))
            for column in columns
        }


async def test_what_is_too_old_goes_with_what_belongs_to_it(database: Database) -> None:
    await put(database, "old", OLD)
    await put(database, "new", NEW)
    await SqlPreferences(database).put("model", HERE, "tiny", "slack:ada")
    assert await remove_expired(database, 30, NOW)
    assert await left(database) == {
        "turns": ["a-new", "q-new"],
        "materials": ["q-new"],
        "quoted": ["q-new"],
        "feedback": ["a-new"],
        "replies": ["a-new", "quick-new"],
        "processed_events": ["event-new"],
    }
    assert await SqlPreferences(database).get("model", HERE) == "tiny"
    assert not await remove_expired(database, 30, NOW)


async def test_a_question_that_was_answered_again_lately_stays(database: Database) -> None:
    await put(database, "again", OLD, answered=NEW)
    await remove_expired(database, 30, NOW)
    found = await left(database)
    assert found["turns"] == ["a-again", "q-again"]
    assert found["materials"] == ["q-again"]


async def test_an_answer_that_is_being_written_stays(database: Database) -> None:
    question = asked("1", at=OLD)
    await SqlHistoryStore(database).open(question, replace(answering(question), at=OLD))
    await remove_expired(database, 30, NOW)
    assert (await left(database))["turns"] == ["a-1", "q-1"]


async def test_everything_is_kept_by_default_but_for_old_events(database: Database) -> None:
    await put(database, "old", NOW - EVENT_RETENTION * 2)
    await put(database, "new", NOW - EVENT_RETENTION / 2)
    assert await remove_expired(database, None, NOW) == 1
    found = await left(database)
    assert found["processed_events"] == ["event-new"]
    assert found["turns"] == ["a-new", "a-old", "q-new", "q-old"]
    assert found["replies"] == ["a-new", "a-old", "quick-new", "quick-old"]


async def test_others_write_between_two_batches(database: Database) -> None:
    store, count = SqlHistoryStore(database), MAX_BATCH_ROWS * 3
    questions = [asked(str(n), at=OLD) for n in range(count)]
    finished = [replace(answering(one), at=OLD, status="complete") for one in questions]
    await asyncio.gather(*(store.open(*pair) for pair in zip(questions, finished, strict=True)))
    removing = asyncio.create_task(remove_expired(database, 30, NOW))
    seen = set[int | None]()
    while not removing.done():
        await store.claim("slack", f"E{len(seen)}")
        async with database.read() as connection:
            seen.add(await connection.scalar(select(func.count()).select_from(turns)))
    assert await removing == count
    assert len(seen) > 1, "all went in one transaction"
    assert (await left(database))["turns"] == []


async def test_it_is_done_at_once_and_again(database: Database) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=40)
    await put(database, "1", long_ago)
    task = asyncio.create_task(remove_expired_daily(database, 30, every_s=0.01))
    try:
        for name in ("1", "2"):
            await until(lambda: left(database), fits=lambda found: not found["turns"])
            if name == "1":
                await put(database, "2", long_ago)
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled()
