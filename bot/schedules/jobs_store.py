"""Stores jobs, and claims each time that they are due before anything is done."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from bot.history.tables import Moment
from bot.schedules.job import Job, Occurrence, OccurrenceState
from bot.schedules.recurrence import latest, upcoming
from bot.schedules.tables import jobs, occurrences
from bot.storage.database import Database
from bot.storage.insert import insert_into
from bot.storage.one_at_a_time import one_at_a_time
from bot.types import ConversationKey

MAX_CLAIMED_JOBS: Final = 256
"""Jobs that are claimed in one transaction."""
_OPEN_STATES: Final = frozenset({"claimed", "posting"})
_SET_STATE = (
    update(occurrences)
    .where(
        occurrences.c.job == bindparam("of_job"), occurrences.c.instant == bindparam("of_instant")
    )
    .values(
        state=bindparam("to_state"),
        posted_at=func.coalesce(occurrences.c.posted_at, bindparam("to_posted_at", type_=Moment)),
        ended_at=bindparam("to_ended_at"),
    )
)


_CHANGED: Final = "jobs"
"""The topic by which processes tell each other that a job was added."""


class Jobs:
    """The jobs in a `Database`, which it does not own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.now = database.now
        self._states: list[dict[str, Any]] = []
        self._saving: asyncio.Task[None] | None = None
        self.changed = asyncio.Event()
        """Set when a job was added, so that it may be the next that is due."""
        database.on_told(_CHANGED, lambda _: self.changed.set())

    # --- what people do -------------------------------------------------------------------------

    async def add(self, job: Job, *, of_person: int, in_place: int) -> bool:
        """Store a job; False if its owner, or its place, has so many already."""
        row = {name: getattr(job, name) for name in jobs.c.keys()}  # noqa: SIM118  # no mapping
        row |= {"place": str(job.place), "locale": job.locale or ""}
        active = jobs.c.next_at.is_not(None)

        def write(connection: Connection) -> bool:
            one_at_a_time(connection, f"jobs:{job.person}", f"jobs:{job.place}")
            for limit, theirs in (
                (of_person, jobs.c.person == job.person),
                (in_place, jobs.c.place == str(job.place)),
            ):
                query = select(func.count()).select_from(jobs).where(theirs, active)
                if (connection.scalar(query) or 0) >= limit:
                    return False
            connection.execute(insert(jobs), row)
            self._database.tell(connection, _CHANGED)
            return True

        added = await self._database.write(write)
        self.changed.set()
        return added

    async def of_person(self, person: str) -> Sequence[Job]:
        """Return the jobs of a person (`Author.key`) that are still due, the next first."""
        query = select(jobs).where(jobs.c.person == person, jobs.c.next_at.is_not(None))
        async with self._database.read() as connection:
            rows = (await connection.execute(query.order_by(jobs.c.next_at))).all()
        return [_job(row) for row in rows]

    async def in_channels(self, but_of: str, limit: int = 50) -> Sequence[Job]:
        """Return jobs that are still due and say something to a channel, the next first, without
        those of one person (`Author.key`)."""
        query = select(jobs).where(
            jobs.c.next_at.is_not(None),
            jobs.c.private.is_(False),
            jobs.c.direct.is_(False),
            jobs.c.person != but_of,
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query.order_by(jobs.c.next_at).limit(limit))).all()
        return [_job(row) for row in rows]

    async def get(self, job: str) -> Job | None:
        """Return a job that is still due; None if there is none of that name."""
        query = select(jobs).where(jobs.c.id == job, jobs.c.next_at.is_not(None))
        async with self._database.read() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else _job(row)

    async def cancel(self, job: str, person: str | None = None) -> Job | None:
        """Delete a job, with `person` only one of theirs; returns it, or None if there is none."""
        where = jobs.c.id == job
        if person is not None:
            where &= jobs.c.person == person

        def write(connection: Connection) -> Job | None:
            row = connection.execute(delete(jobs).where(where).returning(jobs)).first()
            return None if row is None else _job(row)

        return await self._database.write(write)

    # --- what the scheduler does ----------------------------------------------------------------

    async def claim(self, now: datetime, platforms: Collection[str]) -> int:
        """Claim some of the jobs that are due on these platforms, and say when each is due next;
        returns how many.

        Of the times that one missed it is the latest. None is claimed twice, whatever the clock
        does: a job's next time only grows.
        """
        if not platforms:
            return 0
        due = select(jobs).where(jobs.c.next_at <= now, _on(platforms)).order_by(jobs.c.next_at)
        due = due.with_for_update(skip_locked=True)  # those that another process claims just now

        def write(connection: Connection) -> int:
            claimed = [
                _claim(_job(row), now) for row in connection.execute(due.limit(MAX_CLAIMED_JOBS))
            ]
            if not claimed:
                return 0
            again = insert_into(connection, occurrences).on_conflict_do_nothing()
            connection.execute(again, [row for row, _ in claimed])
            following = update(jobs).where(jobs.c.id == bindparam("of_job"))
            connection.execute(
                following.values(next_at=bindparam("to_next_at")),
                [{"of_job": row["job"], "to_next_at": at} for row, at in claimed],
            )
            return len(claimed)

        return await self._database.write(write)

    async def open(
        self, now: datetime, platforms: Collection[str], beside: Collection[str], limit: int
    ) -> list[Occurrence]:
        """Return what was claimed on these platforms and has not ended, the oldest first, without
        what is being carried out (`beside`, by `Occurrence.key`)."""
        if not limit or not platforms:
            return []
        beside = frozenset(beside)  # what ends while this reads may be read as open
        query = (
            select(jobs, occurrences.c.instant, occurrences.c.tries, occurrences.c.posted_at)
            .join(occurrences, occurrences.c.job == jobs.c.id)
            .where(occurrences.c.ended_at.is_(None), occurrences.c.try_at <= now, _on(platforms))
            .order_by(occurrences.c.try_at)
            .limit(limit + len(beside))
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        found = (Occurrence(_job(row), row.instant, row.tries, row.posted_at) for row in rows)
        return [one for one in found if one.key not in beside][:limit]

    async def next_time(self, now: datetime, platforms: Collection[str]) -> datetime | None:
        """When something is due next on these platforms, after now: a job, or another try."""
        if not platforms:
            return None
        first = select(func.min(jobs.c.next_at)).where(_on(platforms))
        again = (
            select(func.min(occurrences.c.try_at))
            .join(jobs, occurrences.c.job == jobs.c.id)
            .where(occurrences.c.ended_at.is_(None), occurrences.c.try_at > now, _on(platforms))
        )
        async with self._database.read() as connection:
            times = [(await connection.execute(query)).scalar() for query in (first, again)]
        return min((at for at in times if at is not None), default=None)

    async def set_state(self, one: Occurrence, state: OccurrenceState, now: datetime) -> None:
        """Say how far an occurrence has come; what is said at the same time is stored together."""
        self._states.append(
            {
                "of_job": one.job.id,
                "of_instant": one.instant,
                "to_state": state,
                "to_posted_at": now if state == "posting" else None,
                "to_ended_at": None if state in _OPEN_STATES else now,
            }
        )
        if self._saving is None:
            self._saving = asyncio.create_task(self._save_states(), name="jobs: states")
        await asyncio.shield(self._saving)

    async def _save_states(self) -> None:
        await asyncio.sleep(0)  # whoever is ready now comes along
        states, self._states, self._saving = self._states, [], None

        def write(connection: Connection) -> None:
            connection.execute(_SET_STATE, states)

        await self._database.write(write)

    async def try_again(self, one: Occurrence, at: datetime) -> None:
        """Have an occurrence tried again later."""
        this = and_(occurrences.c.job == one.job.id, occurrences.c.instant == one.instant)
        change = update(occurrences).where(this).values(try_at=at, tries=one.tries + 1)

        def write(connection: Connection) -> None:
            connection.execute(change)

        await self._database.write(write)

    async def count_failure(self, job: Job, most: int) -> bool:
        """Count one more time that a job might not run; returns whether it has ended by it."""
        failures = job.failures + 1
        ends = failures >= most
        values: dict[str, Any] = {"failures": failures}
        if ends:
            values["next_at"] = None
        change = update(jobs).where(jobs.c.id == job.id).values(values)

        def write(connection: Connection) -> None:
            connection.execute(change)

        await self._database.write(write)
        return ends and bool(job.cron)

    async def forgive(self, job: Job) -> None:
        """Forget earlier failures of a job, since it ran."""
        change = update(jobs).where(jobs.c.id == job.id).values(failures=0)

        def write(connection: Connection) -> None:
            connection.execute(change)

        if job.failures:
            await self._database.write(write)

    async def states(self, job: str) -> Sequence[OccurrenceState]:
        """Return what became of the times that a job was due, the oldest first."""
        query = select(occurrences.c.state).where(occurrences.c.job == job)
        async with self._database.read() as connection:
            rows = await connection.execute(query.order_by(occurrences.c.instant))
            return [row.state for row in rows]


def _claim(job: Job, now: datetime) -> tuple[dict[str, Any], datetime | None]:
    """The row of an occurrence, and when the job is due after it."""
    assert job.next_at is not None
    instant, following = job.next_at, None
    if job.cron:
        instant = max(instant, latest(job.cron, job.zone, now) or instant)
        following = next(iter(upcoming(job.cron, job.zone, max(instant, now))), None)
    row = {"job": job.id, "instant": instant, "state": "claimed", "tries": 0, "try_at": instant}
    return {**row, "ended_at": None}, following


def _on(platforms: Collection[str]) -> ColumnElement[bool]:
    """Whether a job's place is on one of these platforms."""
    return or_(*(jobs.c.place.startswith(f"{name}:", autoescape=True) for name in platforms))


def _job(row: Row[Any]) -> Job:
    values = {name: getattr(row, name) for name in Job.__dataclass_fields__}
    place = ConversationKey.parse(values["place"])
    return Job(**{**values, "place": place, "locale": values["locale"] or None})
