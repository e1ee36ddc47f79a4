"""Rewrites times of the clock in a text to HH:MM: `9`, `5pm`, `17 Uhr`, `9h30`, `halb neun`."""

from __future__ import annotations

import re
from typing import Final

from bot.schedules.time_lexicon import IN_WORDS, MIDNIGHT_WORDS, NUMBER_WORDS

_HOURS: Final = "|".join(
    word for word, value in NUMBER_WORDS.items() if value >= 1 and word not in {"a", "an", "un"}
)
_HOUR = rf"(?P<hour>\d{{1,2}}|{_HOURS})"
_AT = r"(?:\b(?:at|um|à|a las?|las|gegen|vers|about|ab)|@)"
_MARK = r"(?:uhr|o'?clock|heures?|horas?|h)\b"
_HALF_DAY = r"(?P<half>[ap])\.?\s?m\b\.?"
_BEFORE_SPAN = "|".join((*IN_WORDS, "every", "each", "alle", "toutes les", "cada", "los"))
_NO_SPAN = rf"(?P<span>(?:\b(?:{_BEFORE_SPAN})\s+)?)"

_PATTERNS: Final = (
    (re.compile(rf"(?:{_AT}\s*)?\bhalf past {_HOUR}(?![\d.:])(?:\s*{_HALF_DAY})?"), 30),
    (re.compile(rf"(?:{_AT}\s*)?\bquarter past {_HOUR}(?![\d.:])(?:\s*{_HALF_DAY})?"), 15),
    (re.compile(rf"(?:{_AT}\s*)?\bquarter to {_HOUR}(?![\d.:])(?:\s*{_HALF_DAY})?"), -15),
    (re.compile(rf"(?:{_AT}\s*)?\bviertel nach {_HOUR}\b"), 15),
    (re.compile(rf"(?:{_AT}\s*)?\bviertel vor {_HOUR}\b"), -15),
    (re.compile(rf"(?:{_AT}\s*)?\bhalb {_HOUR}\b"), -30),
    (re.compile(rf"{_AT}\s*{_HOUR}(?:\s*{_MARK})? (?:et demie?|y media)\b"), 30),
    (re.compile(rf"{_AT}\s*{_HOUR}(?:\s*{_MARK})? (?:et quart|y cuarto)\b"), 15),
    (re.compile(rf"{_AT}\s*{_HOUR}(?:\s*{_MARK})? (?:moins le quart|menos cuarto)\b"), -15),
    (
        re.compile(
            rf"(?:{_AT}\s*)?\b(?P<hour>\d{{1,2}}):(?P<minute>\d{{2}})(?!\d)(?:\s*(?:{_HALF_DAY}|uhr\b))?"
        ),
        0,
    ),
    (
        re.compile(
            rf"{_AT}\s*(?P<hour>\d{{1,2}})\.(?P<minute>\d{{2}})(?!\d)(?:\s*(?:{_HALF_DAY}|uhr\b))?"
        ),
        0,
    ),
    (re.compile(rf"\b(?P<hour>\d{{1,2}})\.(?P<minute>\d{{2}})\s*(?:{_HALF_DAY}|uhr\b)"), 0),
    (re.compile(rf"(?:{_AT}\s*)?\b{_HOUR}\s*{_HALF_DAY}"), 0),
    (re.compile(rf"(?:{_AT}\s*)?\b(?P<hour>\d{{1,2}})\s?(?:h|uhr)\s?(?P<minute>\d{{2}})\b"), 0),
    (re.compile(rf"{_AT}\s*{_HOUR}\s*{_MARK}"), 0),
    (re.compile(rf"{_NO_SPAN}\b{_HOUR}\s*{_MARK}"), 0),
    (re.compile(rf"{_AT}\s*{_HOUR}\b(?![.:/-]?\d)"), 0),
)
_MIDNIGHT: Final = re.compile(rf"(?:{_AT}\s*)?\b(?:{'|'.join(MIDNIGHT_WORDS)})\b")


def rewrite_clock(text: str) -> str | None:
    """Return a text in small letters with its time of the clock as HH:MM; None where it names one
    that does not exist, such as 25:00."""
    text = _MIDNIGHT.sub(" 00:00 ", text)
    for pattern, minutes in _PATTERNS:
        found = pattern.search(text)
        if found is None or found.groupdict().get("span"):
            continue
        clock = _clock(found.groupdict(), minutes)
        if clock is None:
            return None
        return f"{text[: found.start()]} {clock} {text[found.end() :]}"
    return text


def _clock(found: dict[str, str | None], minutes: int) -> str | None:
    word = found["hour"] or ""
    hour = int(word) if word.isdecimal() else int(NUMBER_WORDS[word])
    minute = int(found.get("minute") or 0)
    if half := found.get("half"):
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "p" else 0)
    if hour > 23 or minute > 59:
        return None
    total = (hour * 60 + minute + minutes) % (24 * 60)
    return f"{total // 60:02}:{total % 60:02}"
