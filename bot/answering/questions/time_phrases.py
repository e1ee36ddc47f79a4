"""Times as people write them in questions: `yesterday`, `last Monday`, `3 days ago`, `1. März`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from bot.commands.time_words import parse_since

MAX_PHRASE_WORDS = 5
"""The most words of a time in a question: `the 3rd of November 2026`."""
_MAX_DAYS_AGO = 36_500


def _number(*texts: str) -> dict[str, int]:
    """The words of each text, each with the number of its text, from 0."""
    return {word: number for number, text in enumerate(texts) for word in text.split()}


def _all(words: str, number: int) -> dict[str, int]:
    return dict.fromkeys(words.split(), number)


_DAYS_AGO = _number(
    "today heute aujourd'hui hoy oggi hoje vandaag",
    "yesterday gestern hier ayer ieri ontem gisteren",
)
_WEEKDAYS = _number(
    "monday montag lundi lunes lunedì segunda maandag",
    "tuesday dienstag mardi martes martedì terça dinsdag",
    "wednesday mittwoch mercredi miércoles mercoledì quarta woensdag",
    "thursday donnerstag jeudi jueves giovedì quinta donderdag",
    "friday freitag vendredi viernes venerdì sexta vrijdag",
    "saturday samstag sonnabend samedi sábado sabato zaterdag",
    "sunday sonntag dimanche domingo domenica zondag",
)
_MONTHS = _number(
    "",
    "january januar janvier enero gennaio janeiro januari",
    "february februar février febrero febbraio fevereiro februari",
    "march märz mars marzo março maart",
    "april avril abril aprile",
    "may mai mayo maggio maio mei",
    "june juni juin junio giugno junho",
    "july juli juillet julio luglio julho",
    "august août agosto augustus",
    "september septembre septiembre settembre setembro",
    "october oktober octobre octubre ottobre outubro",
    "november novembre noviembre novembro",
    "december dezember décembre diciembre dicembre dezembro",
)
_UNIT_DAYS = {
    **_all("day days tag tage tagen jour jours día días giorno giorni dia dias dag dagen", 1),
    **_all("week weeks woche wochen semaine semaines semana semanas settimana settimane weken", 7),
    **_all("month months monat monaten mois mes meses mese mesi mês maand maanden", 30),
    **_all("year years jahr jahren an ans année año años anno anni ano anos jaar", 365),
}
_COUNTS = _number(
    "",
    "a one ein einem einer eine une un una uno um uma een",
    "two zwei deux dos due dois duas twee",
    "three drei trois tres tre três drie",
    "four vier quatre cuatro quattro quatro",
)
_FILLERS = _all(
    "the last past this ago of on at der die dem den das letzte letzter letztem letzten vor am le "
    "la les l dernier dernière derniers il y el los las pasado pasada hace último última lo "
    "scorso scorsa fa o passado passada há de vorige afgelopen geleden d st nd rd th",
    0,
)
_TIME_WORD = re.compile(r"aujourd'hui|[^\W\d_]+|\d+")


def parse_time_phrase(text: str, now: datetime) -> datetime | None:
    """Returns the time that is meant by `last Monday`, `3 days ago`, `1 November`, `gestern`, or
    what `parse_since` understands; None where a word is none of a time."""
    if found := parse_since(text, now):
        return found
    words = _TIME_WORD.findall(text.casefold().replace("’", "'"))
    figures = [int(word) for word in words if word.isdecimal()]
    named = [word for word in words if not word.isdecimal()]
    kinds = (_DAYS_AGO, _WEEKDAYS, _MONTHS, _UNIT_DAYS)
    telling = [word for word in named if any(word in kind for kind in kinds)]
    if len(telling) != 1 or set(named) - {*telling, *_FILLERS, *_COUNTS}:
        return None
    word, midnight = telling[0], now.replace(hour=0, minute=0, second=0, microsecond=0)
    if word in _MONTHS:
        return _in_month(_MONTHS[word], figures, midnight)
    if word in _UNIT_DAYS:
        counted = [_COUNTS[one] for one in named if one in _COUNTS]
        number = (figures or counted or [1])[0]
        return now - timedelta(days=min(number * _UNIT_DAYS[word], _MAX_DAYS_AGO))
    if figures:
        return None
    if word in _DAYS_AGO:
        return midnight - timedelta(days=_DAYS_AGO[word])
    return midnight - timedelta(days=(midnight.weekday() - _WEEKDAYS[word]) % 7 or 7)


def _in_month(month: int, figures: list[int], today: datetime) -> datetime | None:
    """The latest such day that has been: the first of the month where no day is named."""
    years = [n for n in figures if n > 31]
    days = [n for n in figures if n <= 31]
    if len(years) > 1 or len(days) > 1:
        return None
    try:
        found = today.replace(
            year=years[0] if years else today.year, month=month, day=days[0] if days else 1
        )
        return found if years or found <= today else found.replace(year=found.year - 1)
    except ValueError:
        return None
