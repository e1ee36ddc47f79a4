"""How a recurrence is said to people: "Every second week on Tuesday at 09:00."."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from bot.catalogue.sentence import Sentence, join_sentences, say
from bot.replies.wording import as_code
from bot.schedules.recurrence import Period, Rule
from bot.schedules.wording import WEEKDAYS

_ORDINALS: Final[Mapping[str, Sentence]] = {
    "#1": say("first"),
    "#2": say("second"),
    "#3": say("third"),
    "#4": say("fourth"),
    "#5": say("fifth"),
    "L": say("last"),
}
_WORKDAYS: Final = "1-5"
_NTH = re.compile(r"([0-6])(#[1-5]|L)")
_STEP = re.compile(r"\*/(\d{1,2})")
_PERIODS: Final[Mapping[Period, tuple[Sentence, Sentence]]] = {
    "days": (say("Every second day"), say("Every {number} days")),
    "weeks": (say("Every second week"), say("Every {number} weeks")),
    "months": (say("Every second month"), say("Every {number} months")),
}


def recurrence_words(text: str) -> Sentence:
    """Say a stored rule: what its words said, or the cron line itself where no words say it."""
    rule = Rule.read(text)
    minute, hour, day, month, weekday = rule.cron.split()
    if minute.isdecimal() and hour.isdecimal() and month == "*":
        at = f"{int(hour):02}:{int(minute):02}"
        when = _days(rule, day, weekday)
        if when is not None:
            return say("{when} at {time}.", when=when, time=at)
    if (day, month, weekday) == ("*", "*", "*") and rule.number == 1:
        words = _step(minute, hour)
        if words is not None:
            return words
    return say("By the line {line}.", line=as_code(rule.cron))


def _days(rule: Rule, day: str, weekday: str) -> Sentence | None:
    """The days; None where there are no words for them."""
    on = _day_words(day, weekday)
    if rule.number == 1:
        if (day, weekday) == ("*", "*"):
            return say("Every day")
        if (day, weekday) == ("*", _WORKDAYS):
            return say("Every workday")
        if on is None or (weekday != "*" and _NTH.fullmatch(weekday) is None):
            return None if on is None else say("Every {days}", days=on)
        return say("Each month on {days}", days=on)
    second, more = _PERIODS[rule.unit]
    often = second if rule.number == 2 else say(more, number=rule.number)
    if rule.unit == "days":
        return often if (day, weekday) == ("*", "*") else None
    return None if on is None else say("{often} on {days}", often=often, days=on)


def _day_words(day: str, weekday: str) -> Sentence | None:
    if day != "*":
        plain = day.isdecimal() and weekday == "*"
        return say("day {number}", number=int(day)) if plain else None
    if (nth := _NTH.fullmatch(weekday)) is not None:
        name = WEEKDAYS[(int(nth[1]) - 1) % 7]
        return say("the {ordinal} {weekday}", ordinal=_ORDINALS[nth[2]], weekday=name)
    if re.fullmatch(r"[0-6](,[0-6])*", weekday) is None:
        return None
    names = [WEEKDAYS[(int(one) - 1) % 7] for one in weekday.split(",")]
    *before, last = names
    if not before:
        return last
    return say("{days} and {day}", days=join_sentences(before, ", "), day=last)


def _step(minute: str, hour: str) -> Sentence | None:
    if (minutes := _STEP.fullmatch(minute)) is not None and hour == "*":
        return say("Every {number} minutes.", number=int(minutes[1]))
    if minute != "0":
        return None
    if hour == "*":
        return say("Every hour.")
    if (hours := _STEP.fullmatch(hour)) is not None:
        return say("Every {number} hours.", number=int(hours[1]))
    return None
