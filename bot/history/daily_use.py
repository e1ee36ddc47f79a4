"""Counts what people and places have done with tools on a day, so that a restart gives none back.

A day is one of the server's clock, in UTC. Each day has rows of its own: a clock that is set back
finds those of the day before as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, Final, Literal

from sqlalchemy import Connection, select

from bot.history.tables import daily_use
from bot.storage.counters import Counters
from bot.storage.database import Database
from bot.storage.last_work import do_last

_counters: Final = Counters(daily_use, ("steps", "seconds"))


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


@dataclass(slots=True)
class _Use:
    """What is to be counted: steps that were `done`, and those that may be done where no limit is
    `reached` before them."""

    day: datetime
    person: str
    place: str
    steps: int = 0
    seconds: float = 0.0
    done: int = 0
    reached: LimitReached | None = None

    def rows(self) -> Sequence[dict[str, Any]]:
        """What is added for the person and for the place."""
        sums = {"day": self.day, "steps": self.done + self.steps, "seconds": self.seconds}
        return [{"who": who, **sums} for who in (self.person, self.place)]


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
        return self._reached(use, {(row.day, row.who): (row.steps, row.seconds) for row in rows})

    async def add(
        self, person: str, place: str, *, steps: int = 0, seconds: float = 0.0, done: int = 0
    ) -> LimitReached | None:
        """Count what was used: steps that were `done`, and others where no limit is reached after
        these; returns which one is."""
        use = _Use(self._today(), person, place, steps, seconds, done)
        await self._database.write(lambda connection: do_last(connection, self._count, use))
        return use.reached

    def add_later(self, person: str, place: str, *, done: int, seconds: float) -> None:
        """Count steps that were done, and seconds; nobody waits for it."""
        use = _Use(self._today(), person, place, 0, seconds, done)
        self._database.write_along(lambda connection: do_last(connection, self._count, use))

    def _today(self) -> datetime:
        return self._now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

    def _count(self, connection: Connection, uses: Sequence[_Use]) -> None:
        """Count everything, and take back the steps of those who had reached a limit before."""
        rows = _counters.add(connection, chain.from_iterable(use.rows() for use in uses))
        used = {(row.day, row.who): (row.steps, row.seconds) for row in rows}
        back: list[dict[str, Any]] = []
        for row in chain.from_iterable(use.rows() for use in uses):
            steps, seconds = used[row["day"], row["who"]]
            used[row["day"], row["who"]] = steps - row["steps"], seconds
        for use in uses:
            keys = [(use.day, row["who"]) for row in use.rows()]
            for key in keys:
                used[key] = used[key][0] + use.done, used[key][1]
            use.reached = self._reached(use, used)
            for day, who in keys:
                steps, seconds = used[day, who]
                if use.reached is None:
                    used[day, who] = steps + use.steps, seconds
                elif use.steps:
                    back.append({"day": day, "who": who, "steps": -use.steps, "seconds": 0.0})
        if back:
            _counters.add(connection, back)

    def _reached(
        self, use: _Use, used: Mapping[tuple[datetime, str], tuple[int, float]]
    ) -> LimitReached | None:
        """Which limit is reached, by the steps and seconds that each has used on each day."""
        nothing, anew_at = (0, 0.0), use.day + timedelta(days=1)
        if self._person.reached(*used.get((use.day, use.person), nothing)):
            return LimitReached("person", anew_at)
        if self._place.reached(*used.get((use.day, use.place), nothing)):
            return LimitReached("place", anew_at)
        return None
