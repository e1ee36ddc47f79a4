"""Ends the turns of processes that died."""

from __future__ import annotations

from collections.abc import Collection

import structlog

from bot.history.reply_addresses import note_interrupted
from bot.history.sql_store import SqlHistoryStore
from bot.history.tool_calls import ToolCalls
from bot.storage.database import Database

log = structlog.get_logger(__name__)


async def interrupt_turns(database: Database, harmless: Collection[str]) -> int:
    """Have the turns of processes that died end as interrupted, with the calls of tools that they
    made; `harmless` are tools that may run twice. Returns how many turns there were. Raises
    `StorageError`."""
    interrupted = await SqlHistoryStore(database).interrupt_running(note_interrupted)
    await ToolCalls(database).interrupt(harmless)
    for turn in interrupted:
        log.info("turn.interrupted", turn=turn.id)
    return len(interrupted)
