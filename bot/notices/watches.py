"""The watches that ship: platforms, the disk, models, documents, approvals, schedules, backups.

What they say is read in a channel: it holds nothing that anybody wrote, and no error of an engine
or a library, which may quote such.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Final, Protocol
from urllib.parse import urlsplit

import sqlalchemy as sa

from backends.pool.replica import ReplicaStatus
from bot.catalogue.sentence import say, say_number
from bot.history.suspensions import CARD
from bot.history.tables import suspended, turns
from bot.notices.trouble import Trouble, Watch
from bot.schedules.tables import occurrences
from bot.storage.database import Database
from bot.values import SyncFailure

_ROOM_AGAIN: Final = 1.25
"""How much more than the least must be free before the disk is well again."""
_SCHEDULES_FOR: Final = timedelta(days=1)
_NAME_CHARACTERS: Final = 80
_MAX_JOBS: Final = 100


class Sources(Protocol):
    """Tells which documents could not be read when they were last asked for."""

    async def failures(self) -> Sequence[SyncFailure]: ...

    @property
    def unread(self) -> Mapping[tuple[str, str], int]:
        """How many documents of a source, by base and location, were refused."""
        ...


def watch_platforms(states: Callable[[], Sequence[Mapping[str, str]]]) -> Watch:
    """Look after platforms; `states` are those of `describe_platform`."""

    async def look() -> Sequence[Trouble]:
        found = []
        for one in states():
            key, name = f"platform:{one['name']}", one["name"].title()
            back = say("{platform} is connected again.", platform=name)
            if one["state"] == "failed":
                text = say(
                    "{platform} refuses the bot, which has given it up. `parlance doctor` says "
                    "what to change; then start the bot again.",
                    platform=name,
                )
                found.append(Trouble(key, text, back, patience_s=0.0))
            elif one["state"] in {"starting", "connecting"}:
                text = say(
                    "{platform} is not connected. The bot keeps trying; if this lasts, look at "
                    "the network of its machine.",
                    platform=name,
                )
                found.append(Trouble(key, text, back))
        return found

    return look


def watch_disk(folder: Path, free_mb: int) -> Watch:
    """Look after the room on the disk of a folder."""
    low = False

    async def look() -> Sequence[Trouble]:
        nonlocal low
        free = (await asyncio.to_thread(shutil.disk_usage, folder)).free / 1e6
        low = free < free_mb * (_ROOM_AGAIN if low else 1.0)
        if not low:
            return ()
        text = say(
            "The disk is nearly full: {free:,.0f} MB are free where the bot keeps its data. Make "
            "room, or it can soon keep nothing more.",
            free=free,
        )
        return [Trouble("disk:data", text, say("There is room on the disk again."))]

    return look


def watch_models(status: Callable[[], Sequence[ReplicaStatus]]) -> Watch:
    """Look after models: one whose replicas could all not answer when they were last asked."""

    async def look() -> Sequence[Trouble]:
        well: dict[str, bool] = {}
        for replica in status():
            well[replica.model] = well.get(replica.model, False) or replica.state == "ready"
        return [
            Trouble(
                f"model:{name}",
                say(
                    "The model `{model}` could not answer when it was last asked. "
                    "`parlance status` says why.",
                    model=name,
                ),
                say("The model `{model}` answers again.", model=name),
            )
            for name, answers in well.items()
            if not answers
        ]

    return look


def watch_documents(sources: Sources) -> Watch:
    """Look after the documents that are kept in sync."""

    async def look() -> Sequence[Trouble]:
        found = []
        for failure in await sources.failures():
            name = short_name(failure.location)
            text = say(
                "The documents of `{source}` could not be read. `parlance doctor` says why.",
                source=name,
            )
            over = say("The documents of `{source}` can be read again.", source=name)
            found.append(Trouble(f"documents:{failure.base}:{failure.location}", text, over))
        for (base, location), count in sources.unread.items():
            name = short_name(location)
            text = say_number(
                "A document of `{source}` could not be read. `parlance docs sync` says which, and "
                "why.",
                "{n:,} documents of `{source}` could not be read. `parlance docs sync` says which, "
                "and why.",
                count,
                source=name,
            )
            over = say("All documents of `{source}` can be read.", source=name)
            found.append(Trouble(f"documents:unread:{base}:{location}", text, over, 0.0))
        return found

    return look


def watch_approvals(database: Database, after: timedelta, written: str) -> Watch:
    """Look after approvals that nobody gives; `written` is how long that is, as the operator wrote
    it."""
    card = suspended.c.state.contains(f'"{CARD}":', autoescape=True)

    async def look() -> Sequence[Trouble]:
        now = datetime.now(UTC)
        query = (
            sa.select(sa.func.count())
            .select_from(suspended.join(turns, turns.c.id == suspended.c.turn))
            .where(
                turns.c.status == "waiting",
                turns.c.at < now - after,
                suspended.c.choice == "",
                suspended.c.resume_at > now,
                card,
            )
        )
        async with database.read() as connection:
            count = await connection.scalar(query) or 0
        if not count:
            return ()
        text = say_number(
            "An approval is missing for more than {after}. /approvals shows it to whoever may give "
            "it.",
            "{n:,} approvals are missing for more than {after}. /approvals shows them to whoever "
            "may give them.",
            count,
            after=written,
        )
        return [Trouble("approvals:waiting", text, patience_s=0.0)]

    return look


def watch_schedules(database: Database) -> Watch:
    """Look after reminders and schedules of the last day that could not run."""

    async def look() -> Sequence[Trouble]:
        query = (
            sa.select(occurrences.c.job)
            .where(
                occurrences.c.ended_at > datetime.now(UTC) - _SCHEDULES_FOR,
                occurrences.c.state.in_(("refused", "lost")),
            )
            .distinct()
            .limit(_MAX_JOBS)
        )
        async with database.read() as connection:
            jobs = (await connection.scalars(query)).all()
        text = say(
            "A reminder or schedule could not run; its owner was told, if they could be reached. "
            "`parlance logs` says why."
        )
        return [Trouble(f"schedule:{job}", text, patience_s=0.0) for job in jobs]

    return look


def watch_backups(failing: Callable[[], bool]) -> Watch:
    """Look after the backups that the bot makes by itself."""

    async def look() -> Sequence[Trouble]:
        if not failing():
            return ()
        text = say("The last backup could not be made. `parlance logs --level error` says why.")
        return [Trouble("backup:last", text, say("A backup was made again."), patience_s=0.0)]

    return look


def watch_vectors(trouble: Callable[[], str]) -> Watch:
    """Look after the Chroma server; `trouble` says why it cannot be used, or nothing."""

    async def look() -> Sequence[Trouble]:
        if not trouble():
            return ()
        text = say(
            "The Chroma server cannot be used, so documents are searched by words alone. "
            "`parlance doctor` says why."
        )
        over = say("The Chroma server can be used again.")
        return [Trouble("vectors:server", text, over)]

    return look


def short_name(location: str) -> str:
    """What a place of documents is called where people read it: the last part of a path, or a page
    without what may be secret in its address."""
    if "://" in location:
        parts = urlsplit(location)
        name = f"{parts.hostname or ''}{parts.path}"
    else:
        name = PurePosixPath(location).name or location
    return name.replace("`", "'")[:_NAME_CHARACTERS]
