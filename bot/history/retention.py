"""Removes what is older than `history.keep_days`, as `bot.storage.personal_data` says."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy import and_, bindparam, text

from bot.errors import StorageError
from bot.history.tables import Moment
from bot.storage.batches import delete_batch, in_batches
from bot.storage.database import Database
from bot.storage.personal_data import PERSONAL_DATA, PersonalData

log = structlog.get_logger(__name__)

_DAY_S = 86_400.0


async def remove_expired(
    database: Database,
    keep_days: int | None,
    now: datetime | None = None,
    *,
    keep_prompts_days: int = 0,
) -> int:
    """Delete what is older than so many days, with what belongs to it, a batch of rows at a time.
    None keeps all but what has a limit of its own, as prompts have. Returns the number of rows that
    were found to be too old. Raises `StorageError`."""
    total = 0
    for data in PERSONAL_DATA:
        limits = [timedelta(days=keep_days)] if keep_days is not None else []
        limits += [data.keep_at_most] if data.keep_at_most is not None else []
        limits += [timedelta(days=keep_prompts_days)] if data.days_setting else []
        if data.at and limits:
            where = _is_expired(data, (now or datetime.now(UTC)) - min(limits))
            total += await in_batches(
                database, partial(delete_batch, table=data.table, where=where)
            )
    return total


async def remove_expired_daily(
    database: Database,
    keep_days: int | None,
    every_s: float = _DAY_S,
    *,
    keep_prompts_days: int = 0,
) -> None:
    """Call `remove_expired` now and every `every_s` seconds, until cancelled."""
    while True:
        try:
            removed = await remove_expired(database, keep_days, keep_prompts_days=keep_prompts_days)
            if removed:
                log.info("history.expired_removed", rows=removed)
        except StorageError as error:
            log.error("history.removal_failed", reason=str(error))
        await asyncio.sleep(every_s)


def _is_expired(data: PersonalData, before: datetime) -> Any:
    old = data.table.c[data.at] < before
    if not data.expired:
        return old
    more = text(data.expired)
    if ":before" in data.expired:
        more = more.bindparams(bindparam("before", before, type_=Moment))
    return and_(old, more)
