"""From the words of an "every …" to the rule by which something comes again and again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final, cast

from bot.schedules.recurrence import Period, Rule, upcoming
from bot.schedules.time_phrase import NoTime, Phrase

DEFAULT_HOUR: Final = 9
"""When something is due of which only the day is said."""
_WORKDAYS: Final = "1-5"
_MOST: Final[Mapping[str, int]] = {"days": 366, "weeks": 52, "months": 24}
"""The longest pauses that are understood."""


def repetition(phrase: Phrase, local: datetime) -> Rule:
    """Return the rule of an "every …", said at a local time. Raises `NoTime` for what none says."""
    if phrase.day is not None or phrase.date is not None or phrase.following:
        raise NoTime
    clock = phrase.time_of_day()
    number, unit = phrase.span or (1, "")
    number *= phrase.skip or 1
    if unit in {"minutes", "hours"}:
        if clock is not None or phrase.weekdays or phrase.of_month is not None:
            raise NoTime
        return Rule(_interval(number, unit))
    if phrase.nth == 2 and not unit:  # every second Tuesday, and not of the month
        phrase, number = replace(phrase, nth=None), 2
    hour, minute = clock or (DEFAULT_HOUR, 0)
    cron = f"{minute} {hour} {_cron_days(phrase, unit, local)}"
    if number == 1:
        return Rule(cron)
    period = unit or "weeks"
    if number != int(number) or not 1 < number <= _MOST.get(period, 0):
        raise NoTime
    first = upcoming(cron, str(local.tzinfo), local)
    if not first:
        raise NoTime
    day = first[0].astimezone(local.tzinfo).date()
    return Rule(cron, int(number), cast(Period, period), day)


def _cron_days(phrase: Phrase, unit: str, local: datetime) -> str:
    """The last three fields: the days of the month, the months, the days of the week."""
    weekdays = [str((day + 1) % 7) for day in sorted(set(phrase.weekdays))]
    if phrase.of_month is not None:
        if weekdays or unit not in {"", "months"} or not 1 <= phrase.of_month <= 31:
            raise NoTime
        return f"{phrase.of_month} * *"
    if phrase.nth is not None:
        if len(weekdays) != 1 or unit not in {"", "months"}:
            raise NoTime
        return f"* * {weekdays[0]}" + ("L" if phrase.nth < 0 else f"#{phrase.nth}")
    if weekdays:
        if unit not in {"", "weeks"}:
            raise NoTime
        return f"* * {','.join(weekdays)}"
    by_unit = {
        "days": "* * *",
        "workdays": f"* * {_WORKDAYS}",
        "weeks": f"* * {(local.weekday() + 1) % 7}",
        "months": f"{min(local.day, 28)} * *",
    }
    if not unit and phrase.part is not None:
        unit = "days"
    if unit not in by_unit:
        raise NoTime
    return by_unit[unit]


def _interval(number: float, unit: str) -> str:
    if unit == "hours" and number == 0.5:
        number, unit = 30, "minutes"
    whole, most = int(number), 60 if unit == "minutes" else 24
    if number != whole or whole < 1 or most % whole:
        raise NoTime
    if unit == "minutes":
        return "0 * * * *" if whole == 60 else f"*/{whole} * * * *"
    return "0 0 * * *" if whole == 24 else "0 * * * *" if whole == 1 else f"0 */{whole} * * *"
