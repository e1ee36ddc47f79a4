"""How times are said to people: with the day of the week, the date, the time and the zone."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from bot.catalogue.sentence import Sentence, say
from bot.schedules.job import Job
from bot.schedules.zones import zone_named

WEEKDAYS: Final = (
    say("Monday"),
    say("Tuesday"),
    say("Wednesday"),
    say("Thursday"),
    say("Friday"),
    say("Saturday"),
    say("Sunday"),
)
MONTHS: Final = (
    say("January"),
    say("February"),
    say("March"),
    say("April"),
    say("May"),
    say("June"),
    say("July"),
    say("August"),
    say("September"),
    say("October"),
    say("November"),
    say("December"),
)
_SHOWN_CHARACTERS: Final = 80


def time_words(at: datetime, zone: str) -> Sentence:
    """Say a time by the clocks of a zone: 'Friday, 4 December 2026 at 09:00 (Europe/Berlin)'."""
    there = at.astimezone(zone_named(zone))
    return say(
        "{weekday}, {day} {month} {year} at {time} ({zone})",
        weekday=WEEKDAYS[there.weekday()],
        day=there.day,
        month=MONTHS[there.month - 1],
        year=there.year,
        time=f"{there:%H:%M}",
        zone=zone,
    )


def shortened(text: str) -> str:
    """The beginning of a job's text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_CHARACTERS else line[: _SHOWN_CHARACTERS - 1] + "…"


def heading_of(job: Job) -> str:
    """What stands above what a job says or has answered, where others read it."""
    if job.private or job.direct:
        return ""
    if job.kind == "ask":
        return say("On a schedule of {name}: {text}", name=job.name, text=shortened(job.text))
    return say("A reminder of {name}:", name=job.name)


def late_words(instant: datetime, zone: str, *, was_running: bool) -> Sentence:
    """Say that something comes late, and why."""
    at = time_words(instant, zone)
    if was_running:
        return say("This was due on {at}. I could not send it then.", at=at)
    return say("This was due on {at}. I was not running.", at=at)


def not_run_words(job: Job, instant: datetime, reason: str) -> Sentence:
    """Tell the owner of a job why it did not run."""
    return say(
        "“{text}” was due on {at}, and I did not send it: {reason}",
        text=shortened(job.text),
        at=time_words(instant, job.zone),
        reason=reason,
    )


def maybe_sent_words(job: Job, instant: datetime) -> Sentence:
    """Tell the owner of a job that nothing tells whether it was sent."""
    return say(
        "“{text}”, due on {at}, may have been sent: I was interrupted, and cannot check. "
        "I do not send it again.",
        text=shortened(job.text),
        at=time_words(instant, job.zone),
    )
