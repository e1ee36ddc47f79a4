"""Counts what people and places have done with tools on a day, so that a restart gives none back.

A day is one of the server's clock, in UTC. Each day has rows of its own: a clock that is set back
finds those of the day before as they were.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, and_, select

from bot.history.tables import daily_use
from bot.storage.database import Database
from bot.storage.insert import insert_into
from bot.storage.one_at_a_time import one_at_a_time


@dataclass(frozen=True, slots=True)
class DailyLimits:
    """How many steps and seconds of the machine may be used on a day; 0 means without limit."""

    steps: int = 0
    seconds: float = 0.0

    def reached(self, steps: int, seconds: float) -> bool:
        """Whether nothing more may be done after so much."""
        return 0 < self.steps <= steps or 0 < self.seconds <= seconds


@dataclass(frozen=True, slots=True)
class LimitReached:
    """Whose limit it is, and when the next day begins."""

    whose: Literal["person", "place"]
    anew_at: datetime


def _now() -> datetime:
    return datetime.now(UTC)


class DailyUse:
    """What was used on each day, in a `Database`, which it does not own. `person` are the limits of
    each person, `place` those of each channel."""

    def __init__(
        self,
        database: Database,
        person: DailyLimits = DailyLimits(),
        place: DailyLimits = DailyLimits(),
        *,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._database, self._now = database, now
        self._person, self._place = person, place

    async def reached(self, person: str, place: str) -> LimitReached | None:
        """Return which limit a person (`Author.key`) has reached in a place
        (`ConversationKey.scope`); None if they have not."""
        day = self._today()
        async with self._database.read() as connection:
            return await connection.run_sync(self._reached, day, person, place)

    async def add(
        self, person: str, place: str, *, steps: int = 0, seconds: float = 0.0
    ) -> LimitReached | None:
        """Count what was used. Steps are counted only where no limit is reached; returns which one
        is."""
        day = self._today()

        def job(connection: Connection) -> LimitReached | None:
            if steps:
                one_at_a_time(connection, f"daily_use:{person}", f"daily_use:{place}")
            _count(connection, day, (person, place), 0, seconds)
            reached = self._reached(connection, day, person, place)
            if reached is None:
                _count(connection, day, (person, place), steps, 0.0)
            return reached

        return await self._database.write(job)

    def _today(self) -> datetime:
        return self._now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

    def _reached(
        self, connection: Connection, day: datetime, person: str, place: str
    ) -> LimitReached | None:
        found = select(daily_use).where(
            and_(daily_use.c.day == day, daily_use.c.who.in_((person, place)))
        )
        used = {row.who: row for row in connection.execute(found).all()}
        anew_at = day + timedelta(days=1)
        if (mine := used.get(person)) and self._person.reached(mine.steps, mine.seconds):
            return LimitReached("person", anew_at)
        if (all_of_us := used.get(place)) and self._place.reached(
            all_of_us.steps, all_of_us.seconds
        ):
            return LimitReached("place", anew_at)
        return None


def _count(
    connection: Connection, day: datetime, whose: tuple[str, ...], steps: int, seconds: float
) -> None:
    if not steps and not seconds:
        return
    add = insert_into(connection, daily_use)
    connection.execute(
        add.on_conflict_do_update(
            index_elements=["day", "who"],
            set_={
                "steps": daily_use.c.steps + add.excluded.steps,
                "seconds": daily_use.c.seconds + add.excluded.seconds,
            },
        ),
        [{"day": day, "who": who, "steps": steps, "seconds": seconds} for who in whose],
    )
