"""When a cron line is due, by the clocks of a time zone.

What `cronsim` makes of it holds also where clocks change: a time that does not exist that day comes
at the next that does, and one that there is twice comes once. The first call imports it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from typing import Final, Literal, cast

from bot.schedules.zones import zone_named

_CHECKED_TIMES: Final = 200
CRON_FIELDS: Final = 5


Period = Literal["days", "weeks", "months"]
_RULE = re.compile(
    r"(?P<cron>.+) every (?P<number>\d{1,3}) (?P<unit>days|weeks|months) from (?P<day>[\d-]{10})"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """A cron line that is due in every `number`th day, week or month alone, counted from the one
    that `day` is in. `str` is how it is stored: the line, and what it adds to that."""

    cron: str
    number: int = 1
    unit: Period = "days"
    day: date = date.min

    @classmethod
    def read(cls, text: str) -> Rule:
        """Read a stored rule, or a plain cron line. Raises `ValueError`."""
        found = _RULE.fullmatch(text)
        if found is None:
            return cls(text)
        unit = cast(Period, found["unit"])
        number = int(found["number"])
        if not number:
            raise ValueError("it is due in no period")
        return cls(found["cron"], number, unit, date.fromisoformat(found["day"]))

    def __str__(self) -> str:
        if self.number == 1:
            return self.cron
        return f"{self.cron} every {self.number} {self.unit} from {self.day}"

    def covers(self, day: date) -> bool:
        """Whether it can be due on a day."""
        if self.number == 1:
            return True
        return (_count(day, self.unit) - _count(self.day, self.unit)) % self.number == 0


def _count(day: date, unit: Period) -> int:
    """The number of the day, of its week, which begins on Monday, or of its month."""
    if unit == "months":
        return day.year * 12 + day.month
    return day.toordinal() if unit == "days" else (day.toordinal() - 1) // 7


def upcoming(cron: str, zone: str, after: datetime, number: int = 1) -> list[datetime]:
    """Return the next times after one, in UTC; fewer where there are no more.

    Raises `ValueError` for a line that is none, with what is wrong with it.
    """
    from cronsim import CronSimError

    rule = Rule.read(cron)
    if len(rule.cron.split()) != CRON_FIELDS:
        raise ValueError("a cron line has five fields")
    try:
        return list(islice(_times(rule, after.astimezone(zone_named(zone))), number))
    except CronSimError as error:
        raise ValueError(str(error)) from error


def latest(cron: str, zone: str, until: datetime) -> datetime | None:
    """Return the last time until one, that one included."""
    before = (until + timedelta(microseconds=1)).astimezone(zone_named(zone))
    return next(_times(Rule.read(cron), before, reverse=True), None)


def _times(rule: Rule, start: datetime, *, reverse: bool = False) -> Iterator[datetime]:
    from cronsim import CronSim

    for at in CronSim(rule.cron, start, reverse=reverse):
        if rule.covers(at.date()):
            yield at.astimezone(UTC)


def shortest_gap(cron: str, zone: str, after: datetime) -> timedelta | None:
    """Return the shortest time between two of the next occurrences; None where it is due at most
    once. Raises `ValueError`."""
    times = upcoming(cron, zone, after, _CHECKED_TIMES)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    return min(gaps, default=None)
