"""Where answers stand on the platforms: found again by button, thread and restart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot.history.reply_addresses import SqlReplies
from bot.replies.protocol import Reply
from bot.storage.address import DatabaseAddress
from bot.storage.database import Database
from bot.types import ConversationKey

THREAD = ConversationKey("slack", "T1", "C1", thread="9.1")
REPLY = Reply("t1", "slack", str(THREAD), {"channel": "C1", "ts": "9.2", "ü": '"'})


@pytest.fixture
async def replies(database_address: DatabaseAddress) -> AsyncIterator[SqlReplies]:
    database = await Database.open(database_address)
    yield SqlReplies(database)
    await database.close()


async def test_a_reply_comes_back_whole(replies: SqlReplies) -> None:
    assert await replies.get("t1") is None
    await replies.save(REPLY)
    assert await replies.get("t1") == REPLY


async def test_saving_again_replaces(replies: SqlReplies) -> None:
    await replies.save(REPLY)
    moved = replace(REPLY, address={"channel": "C1", "ts": "9.3"}, finished=True)
    await replies.save(moved)
    assert await replies.get("t1") == moved


async def test_unfinished_ones_are_found_by_platform_oldest_first(replies: SqlReplies) -> None:
    first, second = REPLY, replace(REPLY, turn="t0")
    for reply in (first, second, replace(REPLY, turn="t2", finished=True)):
        await replies.save(reply)
    await replies.save(replace(REPLY, turn="t3", platform="discord"))
    assert list(await replies.unfinished("slack")) == [first, second]
    await replies.save(replace(first, finished=True))
    assert list(await replies.unfinished("slack")) == [second]


async def test_a_thread_is_known_once_something_was_answered_there(replies: SqlReplies) -> None:
    assert not await replies.known_thread(THREAD)
    await replies.save(REPLY)
    assert await replies.known_thread(THREAD)
    assert not await replies.known_thread(ConversationKey("slack", "T1", "C1", thread="9.9"))


async def test_a_channel_is_no_thread(replies: SqlReplies) -> None:
    channel = ConversationKey("slack", "T1", "C1")
    await replies.save(replace(REPLY, conversation=str(channel)))
    assert not await replies.known_thread(channel)
