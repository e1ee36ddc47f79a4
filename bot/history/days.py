"""The days of a time zone as moments, and the day of a stored moment in portable SQL.

SQL has no time zones that all databases share. Here a zone is what its clocks are ahead by, for as
long as they are, so that the day of a moment is an addition and a division.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import Final

from sqlalchemy import BigInteger, Column, ColumnElement, case, literal, type_coerce

_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_MICROSECOND: Final = timedelta(microseconds=1)
_MINUTE: Final = timedelta(minutes=1)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Days:
    """The days from `first` to `last`, both included, as the clocks of a zone have them."""

    first: date
    last: date
    zone: tzinfo

    @classmethod
    def newest(cls, count: int, zone: tzinfo, now: datetime | None = None) -> Days:
        """The last so many days, today among them."""
        today = (now or datetime.now(UTC)).astimezone(zone).date()
        return cls(today - _DAY * (count - 1), today, zone)

    @property
    def start(self) -> datetime:
        """When the first day begins."""
        return self._beginning(self.first)

    @property
    def end(self) -> datetime:
        """When the last day is over."""
        return self._beginning(self.last + _DAY)

    def all(self) -> Sequence[date]:
        """Each day."""
        return [self.first + _DAY * n for n in range((self.last - self.first).days + 1)]

    def day_of(self, column: Column[datetime]) -> ColumnElement[int]:
        """The day (`date_of` reads it) of a `Moment` within these days, as SQL."""
        changes = self._changes()
        ahead: ColumnElement[int] = literal(changes[-1][1] // _MICROSECOND, BigInteger)
        if len(changes) > 1:
            until = [
                (column < following[0], literal(change[1] // _MICROSECOND, BigInteger))
                for change, following in pairwise(changes)
            ]
            ahead = case(*until, else_=ahead)
        moment = type_coerce(column, BigInteger) + ahead
        return moment // literal(_DAY // _MICROSECOND, BigInteger)

    def _beginning(self, day: date) -> datetime:
        return datetime.combine(day, time(), self.zone).astimezone(UTC)

    def _changes(self) -> list[tuple[datetime, timedelta]]:
        """From when on the clocks are ahead of UTC, and by how much: at the start, and wherever
        that changes within these days."""
        found = [(self.start, self._ahead(self.start))]
        for day in self.all():
            before, after = self._beginning(day), self._beginning(day + _DAY)
            if self._ahead(before) != found[-1][1]:  # it changed as the day began
                found.append((before, self._ahead(before)))
            if self._ahead(after - _MINUTE) == found[-1][1]:
                continue
            while after - before > _MINUTE:
                middle = before + (after - before) // 2
                middle -= timedelta(seconds=middle.second, microseconds=middle.microsecond)
                if self._ahead(middle) == found[-1][1]:
                    before = middle
                else:
                    after = middle
            found.append((after, self._ahead(after)))
        return found

    def _ahead(self, moment: datetime) -> timedelta:
        return moment.astimezone(self.zone).utcoffset() or timedelta()


def date_of(day: int) -> date:
    """The date of a day that `Days.day_of` has found."""
    return date.fromordinal(_EPOCH_DAY + day)
