"""From a time in words to a moment, or to a cron line, by the clocks of a time zone.

Blocks: it may import and call `dateparser`, which gets only a date with the name of its month.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from bot.schedules.recurrence import CRON_FIELDS, upcoming
from bot.schedules.repetition import DEFAULT_HOUR, repetition
from bot.schedules.time_phrase import NoTime, Phrase, read_phrase
from bot.schedules.zones import zone_named

LANGUAGES: Final = ("en", "de", "fr", "es")
_MAX_YEARS: Final = 5
_LONGEST: Final = timedelta(days=366 * _MAX_YEARS)
_MAX_DATE_WORDS: Final = 4
_TIME_FIELD = re.compile(r"[\d*][\d*/,-]*")
_DAY_FIELD = re.compile(r"[\dA-Za-z*][\dA-Za-z*/,#-]*")


class PastTime(ValueError):
    """The time is over, or too far away."""


@dataclass(frozen=True, slots=True)
class When:
    """When something is due first, in UTC, and the cron line by which it is due again."""

    at: datetime
    cron: str = ""


def read_time(text: str, now: datetime, zone: str) -> When:
    """Read when something is due: words in one of five languages, or a cron line.

    `now` is aware. Raises `NoTime` and `PastTime`.
    """
    now = now.astimezone(UTC)  # an hour is an hour, also where clocks change
    words = " ".join(text.split()).rstrip(",;: ")
    if _is_cron(words.split()):
        return _recurring(words, now, zone)
    phrase = read_phrase(words)
    if phrase.every:
        if phrase.rest:
            raise NoTime
        here = now.astimezone(zone_named(zone))
        return _recurring(str(repetition(phrase, here)), now, zone)
    at = _moment(phrase, now, zone)
    minute = now.replace(second=0, microsecond=0)
    if at <= minute or (at <= now) or at - now > _LONGEST:
        raise PastTime
    return When(at)


def _is_cron(fields: list[str]) -> bool:
    if len(fields) != CRON_FIELDS:
        return False
    times, days = fields[:2], fields[2:]
    return all(map(_TIME_FIELD.fullmatch, times)) and all(map(_DAY_FIELD.fullmatch, days))


def _recurring(cron: str, now: datetime, zone: str) -> When:
    try:
        times = upcoming(cron, zone, now)
    except ValueError as error:
        raise NoTime from error
    if not times:
        raise PastTime
    return When(times[0], cron)


# --- once -----------------------------------------------------------------------------------------


def _moment(phrase: Phrase, now: datetime, zone: str) -> datetime:
    here = zone_named(zone)
    local = now.astimezone(here).replace(tzinfo=None)
    if phrase.rest:
        if phrase.date is not None:
            raise NoTime
        phrase.date = _named_date(phrase.rest, local)
    if phrase.span is not None and phrase.span[1] in {"minutes", "hours"}:
        if _says_day(phrase) or phrase.clock is not None or phrase.part is not None:
            raise NoTime
        return now + timedelta(**{phrase.span[1]: phrase.span[0]})
    made = _wall_time(phrase, local)
    return made.replace(tzinfo=here).astimezone(UTC)


def _says_day(phrase: Phrase) -> bool:
    said = (phrase.day, phrase.date, phrase.of_month, phrase.weekdays or None)
    return any(one is not None for one in said) or bool(phrase.next_unit)


def _wall_time(phrase: Phrase, local: datetime) -> datetime:
    """The time on the wall, without a zone."""
    clock = phrase.time_of_day()
    today = local.date()
    at = time(*(clock or (DEFAULT_HOUR, 0)))
    if phrase.nth is not None or sum(_days_said(phrase)) > 1:
        raise NoTime
    if phrase.span is not None:
        day = _after_span(today, *phrase.span)
        keeps_time = clock is None and phrase.span[1] != "workdays"
        return (
            datetime.combine(day, local.time().replace(second=0, microsecond=0))
            if (keeps_time)
            else datetime.combine(day, at)
        )
    if phrase.date is not None:
        day = _full_date(phrase.date, local, at)
        if phrase.weekdays not in ([], [day.weekday()]):
            raise NoTime  # a slip of the pen: which of the two is meant?
        return datetime.combine(day, at)
    if phrase.of_month is not None:
        return _on_day_of_month(phrase, local, at)
    if phrase.weekdays:
        return _on_weekday(phrase, local, at)
    if phrase.day is not None:
        if phrase.day == 0 and clock is None:
            raise NoTime
        return datetime.combine(today + timedelta(days=phrase.day), at)
    if phrase.next_unit:
        return datetime.combine(_after_span(today, 1, phrase.next_unit), at)
    if clock is None or phrase.following:
        raise NoTime
    made = datetime.combine(today, at)
    return made if made > local else made + timedelta(days=1)


def _days_said(phrase: Phrase) -> list[bool]:
    return [
        phrase.span is not None,
        phrase.date is not None,
        phrase.of_month is not None,
        bool(phrase.weekdays) and phrase.date is None,
        phrase.day is not None,
    ]


def _after_span(today: date, number: float, unit: str) -> date:
    if number != int(number) or number > 5000:
        raise NoTime
    whole = int(number)
    if unit == "months":
        return _add_months(today, whole)
    if unit == "workdays":
        day = today
        while whole:
            day += timedelta(days=1)
            whole -= day.weekday() < 5
        return day
    return today + timedelta(**{unit: whole})


def _add_months(day: date, number: int) -> date:
    total = day.year * 12 + day.month - 1 + number
    year, month = total // 12, total % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def _on_day_of_month(phrase: Phrase, local: datetime, at: time) -> datetime:
    assert phrase.of_month is not None
    first = local.date().replace(day=1)
    start = 1 if phrase.next_unit == "months" else 0
    for month in (start,) if start else range(0, 12):
        day = _add_months(first, month)
        if phrase.of_month <= calendar.monthrange(day.year, day.month)[1]:
            made = datetime.combine(day.replace(day=phrase.of_month), at)
            if made > local:
                return made
    raise NoTime


def _on_weekday(phrase: Phrase, local: datetime, at: time) -> datetime:
    if len(phrase.weekdays) > 1:
        raise NoTime
    today, wanted = local.date(), phrase.weekdays[0]
    if phrase.next_unit == "weeks":
        monday = today - timedelta(days=today.weekday()) + timedelta(days=7)
        return datetime.combine(monday + timedelta(days=wanted), at)
    if phrase.next_unit:
        raise NoTime
    ahead = (wanted - today.weekday()) % 7
    if phrase.following and ahead == 0:
        ahead = 7
    made = datetime.combine(today + timedelta(days=ahead), at)
    return made if made > local else made + timedelta(days=7)


def _full_date(said: tuple[int | None, int, int], local: datetime, at: time) -> date:
    year, month, day = said
    if year is not None and abs(year - local.year) > _MAX_YEARS:
        raise PastTime
    try:
        if year is not None:
            return date(year, month, day)
        made = date(local.year, month, day)
        return made if datetime.combine(made, at) > local else date(local.year + 1, month, day)
    except ValueError as error:
        raise NoTime from error


def _named_date(words: list[str], local: datetime) -> tuple[int | None, int, int]:
    """A date with the name of its month, in the first language that knows it as one."""
    digits = any(word[:1].isdecimal() for word in words)
    letters = any(word.isalpha() for word in words)
    if not (digits and letters and len(words) <= _MAX_DATE_WORDS):
        raise NoTime
    import dateparser  # type: ignore[import-untyped]

    parse: Callable[..., datetime | None] = dateparser.parse
    settings: dict[str, Any] = {
        "PARSERS": ["absolute-time"],
        "REQUIRE_PARTS": ["day", "month"],
        "PREFER_DATES_FROM": "future",
        "RELATIVE_BASE": local,
    }
    text = " ".join(words)
    for language in LANGUAGES:
        found = parse(text, languages=[language], settings=settings)
        if found is not None:
            if (found.hour, found.minute) != (0, 0):
                raise NoTime
            year = found.year if str(found.year) in text else None
            return year, found.month, found.day
    raise NoTime
