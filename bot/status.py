"""Tells how a running bot does: platforms, models, turns, the disk, what is wrong."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa

from backends.pool.replica import ReplicaStatus
from bot.adapters.protocol import Adapter
from bot.adapters.supervisor import describe_platform
from bot.app import App
from bot.knowledge.index.tables import documents
from bot.observability.logs import recent_errors
from bot.processes.membership import name_of_process
from bot.storage.backups import newest_copy
from bot.turns.turn import Turn

ModelRow = dict[str, object]
_NOW: Final = "now"
"""What processes ask each other to know what goes on in each."""
_MAX_REASON_CHARACTERS: Final = 300


def now() -> str:
    """The present time in UTC, as the report has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def describe_process(app: App, since: str) -> dict[str, Any]:
    """Which process runs here, since when, and a fingerprint of the configuration it has."""
    fingerprint = app.taken.get("configuration", app.installation.fingerprint)
    return {"pid": os.getpid(), "since": since, "configuration": fingerprint}


async def report(app: App, adapters: Sequence[Adapter], since: str) -> dict[str, Any]:
    """The whole report, as JSON can hold it."""
    async with app.database.read() as connection:
        count = await connection.scalar(sa.select(sa.func.count()).select_from(documents))
    models = app.pool.status()
    queued = {status.model: status.queued for status in models}  # which its replicas share
    room, newest = await asyncio.to_thread(_look_at_disk, app)
    room["database"] = await app.database.size()
    return {
        **describe_process(app, since),
        "platforms": [describe_platform(adapter, app.platforms) for adapter in adapters],
        "models": [model_row(status) for status in models],
        "open_turns": len(app.core.open_turns),
        "queue": sum(queued.values()),
        "documents": count or 0,
        "vectors": {
            "server": app.knowledge.vector_server,
            "trouble": app.knowledge.vector_server_trouble,
        },
        "disk": room,
        "newest_backup": newest,
        "troubles": [{"since": _iso(since_s), "what": what} for what, since_s in app.notices.open],
        "errors": list(recent_errors),
    }


def describe_now(app: App, adapters: Sequence[Adapter]) -> dict[str, Any]:
    """What goes on in this process, as JSON can hold it."""
    return {
        "process": name_of_process(),
        "platforms": [describe_platform(adapter, app.platforms) for adapter in adapters],
        "models": [model_row(status) for status in app.pool.status()],
        "turns": [turn_row(turn) for turn in app.core.open_turns],
        "errors": [_error_row(error) for error in recent_errors],
    }


def answer_others(app: App, adapters: Sequence[Adapter]) -> None:
    """Have the other processes on the database told what goes on in this one, when they ask."""

    async def answer(_: Mapping[str, Any]) -> dict[str, Any]:
        return describe_now(app, adapters)

    if app.crew.peers is not None:
        app.crew.peers.answer(_NOW, answer)


async def describe_all(app: App, adapters: Sequence[Adapter]) -> Sequence[dict[str, Any]]:
    """What goes on in this process, and in those that share its database. Raises
    `StorageError`."""
    peers = app.crew.peers
    others = await peers.ask(_NOW, {}) if peers is not None and app.crew.accompanied else ()
    named = sorted(others, key=lambda one: str(one["process"]))
    return [describe_now(app, adapters), *named]


def turn_row(turn: Turn) -> dict[str, Any]:
    """A turn that is open: who asks where, by which skill, since when, and what it is doing."""
    author = turn.asker.author
    return {
        "id": turn.id,
        "person": author.key,
        "asked_by": author.name or author.key,
        "conversation": str(turn.event.conversation),
        "skill": turn.route.kind if turn.route is not None else "",
        "doing": turn.stage,
        "since_s": max(0.0, (datetime.now(UTC) - turn.event.at).total_seconds()),
        "model": turn.record.model,
    }


def _error_row(error: Mapping[str, Any]) -> dict[str, str]:
    kept = ("timestamp", "error_id", "event", "reason")
    return {name: str(error[name])[:_MAX_REASON_CHARACTERS] for name in kept if name in error}


def _look_at_disk(app: App) -> tuple[dict[str, int], str | None]:
    """The room on the data folder's disk in bytes; when the newest backup was made."""
    config = app.installation.config
    disk = shutil.disk_usage(config.data_dir)
    newest = newest_copy(config.database_file, app.backups.folder)
    made_at = None if newest is None else newest[1].isoformat(timespec="seconds")
    return {"free": disk.free, "total": disk.total}, made_at


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


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
        "detail": _describe_sharing(status),
    }


def _describe_sharing(status: ReplicaStatus) -> str:
    """With how many other bots the replica is shared, empty if with none."""
    if not status.sharers:
        return ""
    others = "1 other bot" if status.sharers == 1 else f"{status.sharers} other bots"
    return f"shared with {others}, slots for this one: {status.share}"
