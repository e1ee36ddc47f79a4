"""Tells how a running bot does: since when, platforms, models, open turns, documents."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from backends.pool.replica import ReplicaStatus
from bot.adapters.protocol import Adapter
from bot.adapters.supervisor import describe_platform
from bot.app import App
from bot.knowledge.index.tables import documents

ModelRow = dict[str, object]


def now() -> str:
    """The present time in UTC, as the report has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def describe_process(app: App, since: str) -> dict[str, Any]:
    """Which process runs here, since when, and a fingerprint of the configuration it has."""
    return {"pid": os.getpid(), "since": since, "configuration": app.installation.fingerprint}


async def report(app: App, adapters: Sequence[Adapter], since: str) -> dict[str, Any]:
    """The whole report, as JSON can hold it."""
    async with app.database.read() as connection:
        count = await connection.scalar(sa.select(sa.func.count()).select_from(documents))
    return {
        **describe_process(app, since),
        "platforms": [describe_platform(adapter, app.platforms) for adapter in adapters],
        "models": [model_row(status) for status in app.pool.status()],
        "open_turns": len(app.core.open_turns),
        "documents": count or 0,
    }


def model_row(status: ReplicaStatus) -> ModelRow:
    """The columns of `parlance models status` for one replica of a running bot."""
    hits = status.cache_hits
    return {
        "model": status.model,
        "replica": status.replica,
        "engine": status.backend,
        "ok": status.state != "cooling",
        "state": status.state,
        "resident": status.resident,
        "slots": status.slots,
        "busy": status.busy,
        "queue": status.queued,
        "tokens_per_s": status.tokens_per_s,
        "cache_hits": round(hits, 3) if hits is not None else None,
        "last_error": status.last_error or "",
        "detail": "",
    }
