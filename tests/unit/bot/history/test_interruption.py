"""Turns of processes that died: each is told of, also where whoever ends them dies meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from bot.errors import StorageError
from bot.history.interruption import interrupt_turns
from bot.history.reply_addresses import SqlReplies
from bot.history.sql_store import SqlHistoryStore
from bot.storage.database import Database
from tests.contracts.history_contract import answering, asked


async def rename(database: Database, before: str, after: str) -> None:
    statement = text(f"ALTER TABLE {before} RENAME TO {after}")
    await database.write(lambda connection: connection.execute(statement) and None)


async def test_a_turn_is_not_ended_without_a_note_that_its_asker_is_to_be_told(
    tmp_path: Path,
) -> None:
    """A process that was killed between the two left a question without a word."""
    database = await Database.open(tmp_path / "parlance.db")
    question = asked("1")
    await SqlHistoryStore(database).open(question, answering(question))
    await rename(database, "replies", "elsewhere")
    with pytest.raises(StorageError):
        await interrupt_turns(database, ())
    await rename(database, "elsewhere", "replies")
    assert await interrupt_turns(database, ()) == 1
    (left,) = await SqlReplies(database).unfinished("slack")
    assert left.turn == "a-1"
    await database.close()
