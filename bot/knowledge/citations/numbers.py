"""Finds the figures of a text in any notation: numbers, times, dates, versions.

    >>> [sorted(one.readings) for one in figures("1,200 EUR at 2:30 pm")]
    [['1,200', '1200'], ['t870']]

A figure has several readings where its writing is open (`1,234` may be a decimal), and two are the
same where they share one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from bot.knowledge.language.spelled_numbers import Spelled, find_spelled
from bot.knowledge.language.stopwords import STOP_WORDS
from bot.knowledge.language.units import (
    MONTH_NUMBERS,
    SCALE_FACTORS,
    SECONDS_PER_UNIT,
    UNITS,
)
from bot.knowledge.language.words import is_unspaced

MAX_FIGURES = 400
"""The most figures of one text that are found."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: where it stands, its readings, what sort it is (`number`, `year`, `time`, `date`,
    `month`, `mark` of a list) and its unit, empty where there is none that is known."""

    start: int
    end: int
    readings: frozenset[str]
    sort: str = "number"
    unit: str = ""

    def same(self, other: Figure) -> bool:
        """Whether both may stand for the same; another unit makes it something else, unless both
        are lengths of time that are equal (14 days, 2 weeks)."""
        shared = self.readings & other.readings
        if self.unit and other.unit and self.unit != other.unit:
            return any(one.startswith("s") for one in shared)
        return bool(shared)


_MONTH_PATTERN = "|".join(sorted(MONTH_NUMBERS, key=len, reverse=True))
_FIGURE = re.compile(
    rf"""
    (?P<iso>\d{{4}}-\d\d?-\d\d?(?!\d))
    | (?P<numeric>\d\d?[./]\d\d?[./]\d{{4}}(?!\d))
    | (?P<cjk>(?:\d{{4}}\s?年\s?)?\d\d?\s?月(?:\s?\d\d?\s?[日号])?)
    | (?P<month_day>\b(?:{_MONTH_PATTERN})\.?\ \d\d?(?:st|nd|rd|th)?(?![\d.:]\d|\d))
    | (?P<day_month>\d\d?(?:st|nd|rd|th|\.|\ de|er)?\ (?:of\ )?(?:{_MONTH_PATTERN})\b)
    | (?P<month>\b(?:{_MONTH_PATTERN})\.?(?=\ (?:de\ )?(?:19|20)\d\d\b))
    | (?P<time>\d\d?:\d\d(?::\d\d)?(?!\d)(?:\s?[ap]\.?m\b\.?)?
        | \d\d?\s?[ap]\.?m\b\.? | \d\d?\s?h\s?\d\d\b
        | \d\d?(?:[.:]\d\d)?\s?uhr\b | \d\d?\s?[点點時时](?!间|間)(?:\s?\d\d?(?=\s?分))?)
    | (?P<number>\d{{1,3}}(?:[ \u00a0\u202f'’]\d{{3}})+(?:[.,]\d+)?(?!\d)|\d+(?:[.,]\d+)*)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_FOLLOWING_UNIT = re.compile(r"[ \u00a0\u202f-]?(%|[€$£¥]|[^\W\d_]+)")
_LEADING_CURRENCY = re.compile(r"([€$£¥]|\b(?:EUR|USD|GBP))\s?$")
RANGE_CONNECTOR = re.compile(r"\s?(?:-|–|~|to|bis|à|a|至|到|and|und|or|et|y)\s?", re.IGNORECASE)
_LIST_MARK = re.compile(r"^[^\S\n]*\d{1,3}[.)]\s", re.MULTILINE)
_GROUPED = re.compile(r"\d{1,3}(?:([.,])\d{3})(?:\1\d{3})*")
_DAY = re.compile(r"([0-2]?\d|3[01])\.(0?[1-9]|1[0-2])")
_VALUE_ENDS = re.compile(r"[^\S\n]*(?:[,;)\]}\"'#\n]|\Z)")
TIME_UNITS = frozenset({*SECONDS_PER_UNIT, "month", "year"})
_NUMBER_SUFFIXES = frozenset({"m", "st", "nd", "rd", "th", "er", "e"})


def find_figures(text: str, *, spelled: bool = False) -> list[Figure]:
    """Returns the figures of a text in order, at most `MAX_FIGURES`.

    With `spelled` small numbers written as words are found, too.
    """
    found: list[Figure] = []
    marks = {text.index(m[0].strip()[0], m.start()) for m in _LIST_MARK.finditer(text)}
    for match in _FIGURE.finditer(text):
        if _is_in_word(text, match.start()):
            continue
        for one in _read_figures(text, match):
            found.append(
                Figure(one.start, one.end, one.readings, "mark") if one.start in marks else one
            )
        if len(found) >= MAX_FIGURES:
            break
    if spelled:
        found += [_make_spelled(one, text) for one in find_spelled(text)]
        found.sort(key=lambda one: one.start)
    return _complete_ranges(text, found)


def _is_in_word(text: str, start: int) -> bool:
    """`SHA256`, `utf8` and `a_1` are words; `v3` is a version."""
    before = text[start - 1 : start]
    if before in ("_", "#"):
        return before == "_"
    if not before.isalpha() or is_unspaced(before):
        return False
    return not (before in "vV" and not text[start - 2 : start - 1].isalnum())


def _read_figures(text: str, match: re.Match[str]) -> Iterator[Figure]:
    start, end, sort = match.start(), match.end(), match.lastgroup or ""
    if sort == "number":
        if (one := _read_number(text, match)) is not None:
            yield one
        return
    if sort == "time":
        yield Figure(start, end, frozenset({f"t{_read_minutes(match[0])}"}), "time")
        return
    if sort == "month":
        yield Figure(
            start,
            end,
            frozenset({f"m{MONTH_NUMBERS.get(match[0].lower().strip('.'), 0)}"}),
            "month",
        )
        return
    year, month_day = _read_date(match[0], sort)
    if year:
        yield Figure(start, end, frozenset({year}), "year")
    dated = "month" if all(one.startswith("m") for one in month_day) else "date"
    yield Figure(start, end, month_day, dated)


def _read_date(text: str, sort: str) -> tuple[str, frozenset[str]]:
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    if sort in ("month_day", "day_month"):
        named = [
            MONTH_NUMBERS[w] for w in re.findall(r"[^\W\d_]+", text.lower()) if w in MONTH_NUMBERS
        ]
        return "", frozenset(f"d{month}-{numbers[0]}" for month in named)
    if sort == "numeric":
        a, b, year = numbers
        return str(year), frozenset({f"d{a}-{b}", f"d{b}-{a}"})
    year_text = str(numbers.pop(0)) if numbers[1:] and numbers[0] > 31 else ""
    return year_text, frozenset(
        {f"d{numbers[0]}-{numbers[1]}" if numbers[1:] else f"m{numbers[0]}"}
    )


def _read_minutes(text: str) -> int:
    parts = [int(part) for part in re.findall(r"\d+", text)]
    hour, minute = parts[0], parts[1] if len(parts) > 1 else 0
    half = re.search(r"([ap])\.?m", text, re.IGNORECASE)
    if half is not None:
        hour = hour % 12 + (12 if half[1] in "pP" else 0)
    return hour * 60 + minute


def _read_number(text: str, match: re.Match[str]) -> Figure | None:
    start, end = match.span()
    raw = re.sub(r"[ \u00a0\u202f'’]", "", match[0])
    readings = {raw}
    version = raw.count(".") > 1 or text[start - 1 : start] in ("v", "V")
    named = re.search(r"\b(?:[A-Z][\w+#]{0,24}|version)\s$", text[max(0, start - 24) : start])
    if text[end : end + 1] == "." and (day := _DAY.fullmatch(raw)):
        readings.add(f"d{int(day[2])}-{int(day[1])}")  # 31.3.
    if not version and not (named and raw.count(".") == 1 and not _GROUPED.fullmatch(raw)):
        readings |= {_format_value(value) for value in _possible_values(raw)}
    unit = ""
    after = _FOLLOWING_UNIT.match(text, end)
    if after is not None:
        glued = after.start(1) == end
        word = after[1].lower()
        if is_unspaced(word):
            scale, unit = _unspaced_unit(word)
        else:
            scale = SCALE_FACTORS.get(word, 1)
            unit = (
                _attached_unit(text, after)
                if glued
                else UNITS.get(word, "") or _unit_after_next_word(text, after)
            )
            if word in ("pour", "por") and re.match(
                r".\s?(?:cent|ciento)", text[after.end(1) - 1 :]
            ):
                unit = "%"
            if (
                glued
                and word.isalpha()
                and scale == 1
                and not unit
                and word not in _NUMBER_SUFFIXES
            ):
                return None  # the start of a word: 3d, 7zip
        if scale > 1:
            readings = {_format_value(value * scale) for value in _possible_values(raw)}
            further = _FOLLOWING_UNIT.match(text, after.end(1))
            unit = unit or (UNITS.get(further[1].lower(), "") if further is not None else "")
    if not unit and (before := _LEADING_CURRENCY.search(text, max(0, start - 8), start)):
        unit = UNITS[before[1].lower()]
    sort = "number"
    if raw.isdigit() and len(raw) == 4 and 1000 <= int(raw) <= 2100 and unit in ("", "year"):
        sort, unit = "year", ""
    if unit in SECONDS_PER_UNIT:
        readings |= {
            f"s{_format_value(value * SECONDS_PER_UNIT[unit])}" for value in _possible_values(raw)
        }
        if unit in ("h",):
            readings |= {f"t{_format_value(value * 60)}" for value in _possible_values(raw)}
    return Figure(start, end, frozenset(readings), sort, unit)


def _unit_after_next_word(text: str, after: re.Match[str]) -> str:
    """The unit of time behind one more word: three working days."""
    if after[1].lower() in STOP_WORDS:
        return ""
    further = _FOLLOWING_UNIT.match(text, after.end(1))
    unit = UNITS.get(further[1].lower(), "") if further is not None else ""
    return unit if unit in TIME_UNITS else ""


def _attached_unit(text: str, after: re.Match[str]) -> str:
    """A unit without a space before it: `m` are minutes or metres, `d` days where nothing follows
    that would make it a word (3d models)."""
    letter = after[1].lower()
    if letter == "d":
        return "day" if _VALUE_ENDS.match(text, after.end()) else ""
    return "" if letter == "m" else UNITS.get(letter, "")


def _unspaced_unit(run: str) -> tuple[int, str]:
    """What a run of Chinese or Japanese after a number begins with."""
    scale = SCALE_FACTORS.get(run[0], 1)
    rest = run[1:] if scale > 1 else run
    for length in (3, 2, 1):
        if len(rest) >= length and rest[:length] in UNITS:
            return scale, UNITS[rest[:length]]
    return scale, ""


def _possible_values(raw: str) -> set[Decimal]:
    """What a number may be: `1,234` and `1.234` are open, `1,234.5` is not."""
    signs = [sign for sign in raw if sign in ".,"]
    if not signs:
        return {Decimal(raw[:30])}
    if len(set(signs)) == 2:
        whole, _, part = raw.rpartition(signs[-1])
        return {Decimal(re.sub(r"[.,]", "", whole)[:30] + "." + part[:30])}
    found = set()
    if _GROUPED.fullmatch(raw):
        found.add(Decimal(re.sub(r"[.,]", "", raw)[:30]))
    if len(signs) == 1 and not (found and raw.endswith("0") and not raw.startswith("0")):
        found.add(Decimal(raw.replace(",", ".")[:30]))
    return found


def _format_value(value: Decimal) -> str:
    text = f"{value:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).lstrip("0") or "0"


def _make_spelled(one: Spelled, text: str) -> Figure:
    readings, unit = {str(one.value)}, ""
    if after := _FOLLOWING_UNIT.match(text, one.end):
        word = after[1].lower()
        if is_unspaced(word):
            unit = _unspaced_unit(word)[1]
        else:
            unit = UNITS.get(word, "") or _unit_after_next_word(text, after)
    if unit in SECONDS_PER_UNIT:
        readings.add(f"s{one.value * SECONDS_PER_UNIT[unit]}")
    return Figure(one.start, one.end, frozenset(readings), "spelled", unit)


def _complete_ranges(text: str, found: list[Figure]) -> list[Figure]:
    """`2 to 5 minutes`: the first has the unit of the second."""
    for at in range(len(found) - 2, -1, -1):
        one, following = found[at], found[at + 1]
        bare = one.sort == "number" and not one.unit and following.unit
        if bare and RANGE_CONNECTOR.fullmatch(text, one.end, following.start):
            factor = SECONDS_PER_UNIT.get(following.unit)
            more = {
                f"s{_format_value(Decimal(r) * factor)}"
                for r in one.readings
                if _is_value(r) and factor
            }
            found[at] = Figure(one.start, one.end, one.readings | more, one.sort, following.unit)
    return found


def _is_value(reading: str) -> bool:
    return re.fullmatch(r"\d+(?:\.\d+)?", reading) is not None
