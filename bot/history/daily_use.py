"""Counts what people and places have done with tools on a day, so that a restart gives none back.

A day is one of the server's clock, in UTC. Each day has rows of its own: a clock that is set back
finds those of the day before as they were.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, select

from bot.history.tables import daily_use
from bot.storage.database import Database
from bot.storage.insert import InsertInto, InsertStatement, Returning
from bot.storage.last_work import do_last

Whose = Literal["person", "place"]


@InsertStatement
def _add(insert_into: InsertInto) -> Returning:
    insert = insert_into(daily_use)
    adding = insert.on_conflict_do_update(
        index_elements=["day", "who"],
        set_={name: daily_use.c[name] + insert.excluded[name] for name in ("steps", "seconds")},
    )
    return adding.returning(*daily_use.c)


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

    whose: Whose
    anew_at: datetime


@dataclass(slots=True)
class _Use:
    """What is to be counted; `reached` is the limit that was reached before its steps."""

    day: datetime
    person: str
    place: str
    steps: int = 0
    seconds: float = 0.0
    reached: LimitReached | None = None

    @property
    def whose(self) -> tuple[str, str]:
        """For whom it counts."""
        return self.person, self.place


@dataclass(slots=True)
class _Sum:
    """What somebody has used on a day."""

    steps: int = 0
    seconds: float = 0.0


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
        use = _Use(self._today(), person, place)
        found = select(daily_use).where(
            daily_use.c.day == use.day, daily_use.c.who.in_((person, place))
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(found)).all()
        return self._reached(use, {row.who: _Sum(row.steps, row.seconds) for row in rows})

    async def add(
        self, person: str, place: str, *, steps: int = 0, seconds: float = 0.0
    ) -> LimitReached | None:
        """Count what was used. Steps are counted only where no limit is reached; returns which one
        is."""
        use = _Use(self._today(), person, place, steps, seconds)
        await self._database.write(lambda connection: do_last(connection, self._count, use))
        return use.reached

    def add_seconds(self, person: str, place: str, seconds: float) -> None:
        """Count seconds that were used; nobody waits for it."""
        use = _Use(self._today(), person, place, 0, seconds)
        self._database.write_along(lambda connection: do_last(connection, self._count, use))

    def _today(self) -> datetime:
        return self._now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

    def _count(self, connection: Connection, uses: Sequence[_Use]) -> None:
        """Count everything, and take back the steps of those who had reached a limit before. The
        rows are locked by their keys, so that two processes do not wait for each other."""
        added = _sums(uses)
        used = {
            (row.day, row.who): _Sum(row.steps - added[row.day, row.who].steps, row.seconds)
            for row in connection.execute(_add(connection), _rows(added)).all()
        }
        refused = []
        for use in uses:
            use.reached = self._reached(use, {who: used[use.day, who] for who in use.whose})
            if use.reached is not None:
                refused.append(replace(use, steps=-use.steps, seconds=0.0))
                continue
            for who in use.whose:
                used[use.day, who].steps += use.steps
        if any(use.steps for use in refused):
            connection.execute(_add(connection), _rows(_sums(refused)))

    def _reached(self, use: _Use, used: Mapping[str, _Sum]) -> LimitReached | None:
        """Which limit is reached, by what each has used."""
        anew_at = use.day + timedelta(days=1)
        whose: Whose
        for whose, who, limits in (
            ("person", use.person, self._person),
            ("place", use.place, self._place),
        ):
            if (found := used.get(who)) and limits.reached(found.steps, found.seconds):
                return LimitReached(whose, anew_at)
        return None


def _sums(uses: Sequence[_Use]) -> dict[tuple[datetime, str], _Sum]:
    sums: defaultdict[tuple[datetime, str], _Sum] = defaultdict(_Sum)
    for use in uses:
        for who in use.whose:
            sums[use.day, who].steps += use.steps
            sums[use.day, who].seconds += use.seconds
    return sums


def _rows(sums: Mapping[tuple[datetime, str], _Sum]) -> Sequence[Mapping[str, Any]]:
    return [
        {"day": day, "who": who, "steps": sums[day, who].steps, "seconds": sums[day, who].seconds}
        for day, who in sorted(sums)
    ]
