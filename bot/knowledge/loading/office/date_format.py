"""Shows the dates and times of spreadsheets by the format of their cell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

_ELAPSED = re.compile(r"h+|m+|s+")
_MAX_DAYS = 2_958_466
"""The first day after the year 9999."""
_FIRST_DAY = datetime(1899, 12, 30)
_FIRST_DAY_1904 = datetime(1904, 1, 1)
_LEAP_DAY_1900 = 60
"""The 29 February 1900, which there was not; days before it are counted from a day later."""
_ENGLISH = 0x09
_NAMES = {
    0x09: ("January February March April May June July August September October November December",
           "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
    0x07: ("Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
           "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag"),
    0x0C: ("janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
           "lundi mardi mercredi jeudi vendredi samedi dimanche"),
    0x0A: ("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre "
           "diciembre", "lunes martes miércoles jueves viernes sábado domingo"),
    0x10: ("gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre "
           "dicembre", "lunedì martedì mercoledì giovedì venerdì sabato domenica"),
    0x16: ("janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro "
           "dezembro", "segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado "
           "domingo"),
    0x13: ("januari februari maart april mei juni juli augustus september oktober november "
           "december", "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag"),
    0x15: ("styczeń luty marzec kwiecień maj czerwiec lipiec sierpień wrzesień październik "
           "listopad grudzień", "poniedziałek wtorek środa czwartek piątek sobota niedziela"),
    0x1F: ("Ocak Şubat Mart Nisan Mayıs Haziran Temmuz Ağustos Eylül Ekim Kasım Aralık",
           "Pazartesi Salı Çarşamba Perşembe Cuma Cumartesi Pazar"),
}  # fmt: skip
"""Months and days of the week by the language that a format names."""


_PROGRAM_FORMS = (("F800", "%Y-%m-%d"), ("F400", "%H:%M:%S"))
"""Languages of formats that mean the program's own long form."""


@dataclass(frozen=True, slots=True)
class DateParts:
    """The format of a date: its parts in order, each with its kind, and what they need."""

    parts: tuple[tuple[str, str], ...]
    decimals: int
    has_half_days: bool
    program_form: str
    months: list[str]
    days: list[str]


class Token(Protocol):
    """A sign of a format, as `number_format` takes it apart."""

    @property
    def kind(self) -> str: ...
    @property
    def text(self) -> str: ...


def is_date(tokens: Sequence[Token]) -> bool:
    """Whether a format shows a date or a time."""
    if any(one.kind == "bracket" and _ELAPSED.fullmatch(one.text) for one in tokens):
        return True
    return any(one.kind == "other" and one.text.lower() in "ymdhs" for one in tokens)


def read_date_parts(tokens: Sequence[Token]) -> DateParts:
    """Takes the format of a date apart, once for all cells that have it."""
    parts = tuple(_parts(tokens))
    language = next((text for kind, text in parts if kind == "locale"), "").upper()
    months, days = _names(language)
    return DateParts(
        parts,
        decimals=max((len(text) for kind, text in parts if kind == "fraction"), default=0),
        has_half_days=any(kind == "half" for kind, _ in parts),
        program_form=next((form for mark, form in _PROGRAM_FORMS if language.startswith(mark)), ""),
        months=months,
        days=days,
    )


def format_date(value: float, date: DateParts, *, from_1904: bool = False) -> str:
    """Returns a date or time as it is shown; "" where the number is none."""
    if not 0 <= value < _MAX_DAYS:
        return ""
    seconds = round(value * 86_400, date.decimals)
    moment = _moment(value, seconds, from_1904)
    if date.program_form:
        return moment.strftime(date.program_form)
    made = "".join(
        text if kind == "literal" else _show(kind, text, moment, seconds, date)
        for kind, text in date.parts
    )
    return " ".join(made.split())


def _moment(value: float, seconds: float, from_1904: bool) -> datetime:
    if from_1904:
        return _FIRST_DAY_1904 + timedelta(seconds=seconds)
    early = timedelta(days=1 if value < _LEAP_DAY_1900 else 0)
    return _FIRST_DAY + early + timedelta(seconds=seconds)


def _names(locale: str) -> tuple[list[str], list[str]]:
    try:
        language = int(locale.split(",")[0] or "409", 16) & 0xFF
    except ValueError:
        language = _ENGLISH
    months, days = _NAMES.get(language, _NAMES[_ENGLISH])
    return months.split(), days.split()


def _parts(tokens: Sequence[Token]) -> Iterator[tuple[str, str]]:
    """The parts of a date: runs of the same letter, and words between them. `m` is a minute beside
    hours or seconds, else a month."""
    runs: list[tuple[str, str]] = []
    at = 0
    while at < len(tokens):
        text = tokens[at].text
        if tokens[at].kind == "bracket":
            runs.append(("elapsed", text) if _ELAPSED.fullmatch(text) else ("literal", ""))
        elif tokens[at].kind == "locale":
            runs.append(("locale", text))
        elif tokens[at].kind == "other" and text.lower() in "ymdhsge":
            end = at
            while end < len(tokens) and _same(tokens[end], text):
                end += 1
            runs.append((text.lower(), text.lower() * (end - at)))
            at = end - 1
        elif half := _half_day(tokens, at):
            runs.append(("half", half))
            at += len(half) - 1
        elif text == "." and at + 1 < len(tokens) and tokens[at + 1].text == "0":
            end = at + 1
            while end < len(tokens) and tokens[end].text == "0":
                end += 1
            runs.append(("fraction", "0" * (end - at - 1)))
            at = end - 1
        elif tokens[at].kind in ("quoted", "other"):
            runs.append(("literal", text))
        at += 1
    yield from _with_minutes(runs)


def _same(token: Token, text: str) -> bool:
    return token.kind == "other" and token.text.lower() == text.lower()


def _half_day(tokens: Sequence[Token], at: int) -> str:
    ahead = "".join(one.text for one in tokens[at : at + 5])
    return next((mark for mark in ("AM/PM", "A/P") if ahead.upper().startswith(mark)), "")


def _with_minutes(runs: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    marks = [at for at, (kind, _) in enumerate(runs) if kind in "ymdhs" or kind == "elapsed"]
    for at, (kind, text) in enumerate(runs):
        if kind == "m" and len(text) <= 2:
            number = marks.index(at)
            before = runs[marks[number - 1]] if number else ("", "")
            after = runs[marks[number + 1]] if number + 1 < len(marks) else ("", "")
            if before[0] == "h" or "h" in before[1] or after[0] == "s" or "s" in after[1]:
                kind = "minute"
        yield kind, text


def _show(
    kind: str,
    text: str,
    moment: datetime,
    seconds: float,
    date: DateParts,
) -> str:
    width = min(len(text), 2)
    if kind in ("y", "e", "g"):
        return (
            f"{moment.year % 100:02d}" if kind == "y" and width == len(text) else str(moment.year)
        )
    if kind == "m" and len(text) > 2:
        name = date.months[moment.month - 1]
        return {3: name[:3], 5: name[:1]}.get(len(text), name)
    if kind == "d" and len(text) > 2:
        name = date.days[moment.weekday()]
        return name[:3] if len(text) == 3 else name
    if kind == "half":
        mark = "AM" if moment.hour < 12 else "PM"
        return mark if text == "AM/PM" else mark[0]
    if kind == "fraction":
        return f"{seconds % 1:.{len(text)}f}"[1:]
    if kind == "elapsed":
        unit = {"h": 3_600, "m": 60, "s": 1}[text[0]]
        return str(int(seconds // unit)).rjust(len(text), "0")
    hour = (moment.hour % 12 or 12) if date.has_half_days else moment.hour
    number = {
        "m": moment.month, "d": moment.day, "h": hour, "minute": moment.minute,
        "s": moment.second,
    }.get(kind)  # fmt: skip
    return "" if number is None else str(number).rjust(width, "0")
