"""Shows the dates and times of spreadsheets by the format of their cell; the formats by number."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from locale import windows_locale

BUILT_IN_FORMATS = {
    0: "General", 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 5: "$#,##0_);($#,##0)",
    6: "$#,##0_);($#,##0)", 7: "$#,##0.00_);($#,##0.00)", 8: "$#,##0.00_);($#,##0.00)",
    9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?", 13: "# ??/??", 14: "yyyy-mm-dd",
    15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM",
    20: "h:mm", 21: "h:mm:ss", 22: "yyyy-mm-dd h:mm", 37: "#,##0_);(#,##0)",
    38: "#,##0_);(#,##0)", 39: "#,##0.00_);(#,##0.00)", 40: "#,##0.00_);(#,##0.00)",
    41: "#,##0_);(#,##0);\"-\"", 42: "$#,##0_);($#,##0);\"-\"",
    43: "#,##0.00_);(#,##0.00);\"-\"", 44: "$#,##0.00_);($#,##0.00);\"-\"",
    45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0", 49: "@",
}  # fmt: skip
"""By their number. 14 and 22 are those of the program's language."""

_PART = re.compile(
    r'"(?P<quoted>[^"]*+)"|\\(?P<escaped>.)|(?P<fill>[_*].)|\[(?P<elapsed>h+|m+|s+)\]'
    r"|\[\$(?P<currency>[^-\[\]]*+)-?(?P<locale>[^\[\]]*+)\]|(?P<bracket>\[[^\[\]]*+\])"
    r"|(?P<digit>[0#?]|E[+-])|(?P<half>AM/PM|A/P)|\.(?P<fraction>0+)|(?P<run>y+|m+|d+|h+|s+|e+|g+)|(?P<other>.)",
    re.DOTALL | re.IGNORECASE,
)
_UNITS = frozenset({"y", "m", "d", "h", "s", "elapsed"})
_MAX_DAYS = 2_958_466
"""The first day after the year 9999."""
_FIRST_DAY = datetime(1899, 12, 30)
_FIRST_DAY_1904 = datetime(1904, 1, 1)
_LEAP_DAY_1900 = 60
"""The 29 February 1900, which there was not; days before it are counted from a day later."""
_PROGRAM_FORMS = {
    "F800": "%Y-%m-%d", "X-SYSDATE": "%Y-%m-%d", "F400": "%H:%M:%S", "X-SYSTIME": "%H:%M:%S"
}  # fmt: skip
"""Languages of formats that mean the program's own long form."""
_LANGUAGE_NUMBER = re.compile(r"[0-9A-F]{3,8}", re.IGNORECASE)
_LANGUAGE_BITS = 0x3FF
"""Of the number of a language and a country, those of the language."""


@dataclass(frozen=True, slots=True)
class DateForm:
    """The format of a date: its parts in order, each with its kind, and its language."""

    parts: tuple[tuple[str, str], ...]
    language: str


@lru_cache(maxsize=512)
def read_date_form(form: str) -> DateForm | None:
    """Takes the format of a date or time apart; None where it shows none."""
    parts = list(_parts(form))
    units = [at for at, (kind, _) in enumerate(parts) if kind in _UNITS]
    for place, at in enumerate(units):
        kind, text = parts[at]
        if kind == "m" and len(text) <= 2:  # a minute beside hours or seconds, else a month
            before = parts[units[place - 1]][1] if place else ""
            after = parts[units[place + 1]][1] if place + 1 < len(units) else ""
            if "h" in before or "s" in after:
                parts[at] = ("minute", text)
    language = next((text for kind, text in parts if kind == "locale"), "")
    shows_time = units or any(kind == "half" for kind, _ in parts)
    return DateForm(tuple(parts), language) if shows_time else None


def _parts(form: str) -> Iterator[tuple[str, str]]:
    for found in _PART.finditer(form):
        kind = found.lastgroup or "other"
        text = found[kind]
        if kind == "run":
            yield text[0].lower(), text.lower()
        elif kind == "locale":
            yield "literal", found["currency"]
            yield kind, text.partition(",")[0]
        elif kind in ("elapsed", "half", "fraction"):
            yield kind, text.lower()
        elif kind == "fill":
            yield "literal", " " if text[0] == "_" else ""
        elif kind not in ("bracket", "digit"):
            yield "literal", text


def format_date(value: float, form: DateForm, *, from_1904: bool = False) -> str:
    """Returns a date or time as it is shown; "" where the number is none."""
    if not 0 <= value < _MAX_DAYS:
        return ""
    decimals = max((len(text) for kind, text in form.parts if kind == "fraction"), default=0)
    seconds = round(value * 86_400, decimals)
    early = timedelta(days=1 if value < _LEAP_DAY_1900 else 0)
    moment = (_FIRST_DAY_1904 if from_1904 else _FIRST_DAY + early) + timedelta(seconds=seconds)
    own = _PROGRAM_FORMS.get(form.language.upper()[-9:])
    if own:
        return moment.strftime(own)
    has_halves = any(kind == "half" for kind, _ in form.parts)
    hour = (moment.hour % 12 or 12) if has_halves else moment.hour
    numbers = {"m": moment.month, "d": moment.day, "h": hour, "minute": moment.minute,
               "s": moment.second}  # fmt: skip
    made = ""
    for kind, text in form.parts:
        if kind in ("m", "d") and len(text) > 2:
            made += _name(kind, text, moment, form)
        elif kind in numbers:
            made += str(numbers[kind]).rjust(min(len(text), 2), "0")
        elif kind in ("y", "e", "g"):
            short = kind == "y" and len(text) <= 2
            made += f"{moment.year % 100:02d}" if short else str(moment.year)
        elif kind == "half":
            made += ("AM" if moment.hour < 12 else "PM")[: 2 if text == "am/pm" else 1]
        elif kind == "fraction":
            made += f"{seconds % 1:.{len(text)}f}"[1:]
        elif kind == "elapsed":
            unit = {"h": 3_600, "m": 60, "s": 1}[text[0]]
            made += str(int(seconds // unit)).rjust(len(text), "0")
        elif kind == "literal":
            made += text
    return " ".join(made.split())


def _name(kind: str, text: str, moment: datetime, form: DateForm) -> str:
    """The name of a month or day; that of a month has another form beside a day."""
    width = "abbreviated" if len(text) == 3 else "wide"
    beside_day = width == "wide" and any(part == ("d", part[1][:2]) for part in form.parts)
    months, days = _names(form.language, width, "format" if beside_day else "stand-alone")
    name = months[moment.month - 1] if kind == "m" else days[moment.weekday()]
    return name[:1] if len(text) == 5 and kind == "m" else name


@lru_cache(maxsize=64)
def _names(language: str, width: str, context: str) -> tuple[list[str], list[str]]:
    from babel import UnknownLocaleError  # takes its time to import, and few formats have names
    from babel.dates import get_day_names, get_month_names

    for tag in (_tag(language), "en"):
        try:
            months = get_month_names(width, context, tag)  # type: ignore[arg-type]
            days = get_day_names(width, context, tag)  # type: ignore[arg-type]
        except (UnknownLocaleError, ValueError):
            continue
        return [months[at] for at in range(1, 13)], [days[at] for at in range(7)]
    return [], []


def _tag(language: str) -> str:
    """The language of a format, `407` or `de-DE`, by its name."""
    if not _LANGUAGE_NUMBER.fullmatch(language):
        return language.replace("-", "_") or "en"
    number = int(language, 16) & 0xFFFF
    same = (tag for at, tag in windows_locale.items() if (at ^ number) & _LANGUAGE_BITS == 0)
    return windows_locale.get(number) or next(same, "en")
