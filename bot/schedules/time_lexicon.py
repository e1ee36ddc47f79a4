"""The words of times in English, German, French and Spanish, as people write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

WEEKDAY_WORDS: Final[Mapping[str, int]] = {
    word: number
    for number, words in enumerate(
        (
            "monday mondays mon montag lundi lundis lunes",
            "tuesday tuesdays tue tues dienstag mardi mardis martes",
            "wednesday wednesdays wed mittwoch mercredi mercredis miércoles miercoles",
            "thursday thursdays thu thur thurs donnerstag jeudi jeudis jueves",
            "friday fridays fri freitag vendredi vendredis viernes",
            "saturday saturdays sat samstag sonnabend samedi samedis sábado sabado sábados sabados",
            "sunday sundays sun sonntag dimanche dimanches domingo domingos",
        )
    )
    for word in words.split()
}

DAY_WORDS: Final[Mapping[str, int]] = {
    "today": 0,
    "heute": 0,
    "aujourd'hui": 0,
    "hoy": 0,
    "tomorrow": 1,
    "tmrw": 1,
    "morgen": 1,
    "demain": 1,
    "mañana": 1,
    "day after tomorrow": 2,
    "the day after tomorrow": 2,
    "übermorgen": 2,
    "uebermorgen": 2,
    "après demain": 2,
    "apres demain": 2,
    "pasado mañana": 2,
}

DAY_PARTS: Final[Mapping[str, int]] = {
    # The hour that is meant where none is said; from 12 on, a small hour is one after noon.
    "morning": 9,
    "früh": 9,
    "morgens": 9,
    "morgen": 9,
    "vormittag": 9,
    "vormittags": 9,
    "matin": 9,
    "mañana": 9,
    "noon": 12,
    "midday": 12,
    "mittag": 12,
    "mittags": 12,
    "midi": 12,
    "mediodía": 12,
    "mediodia": 12,
    "afternoon": 15,
    "nachmittag": 15,
    "nachmittags": 15,
    "après midi": 15,
    "apres midi": 15,
    "tarde": 15,
    "evening": 18,
    "abend": 18,
    "abends": 18,
    "soir": 18,
    "tonight": 20,
    "night": 20,
    "nacht": 20,
    "nachts": 20,
    "nuit": 20,
    "noche": 20,
}
MIDNIGHT_WORDS: Final = frozenset({"midnight", "mitternacht", "minuit", "medianoche"})

UNIT_WORDS: Final[Mapping[str, str]] = {
    word: unit
    for unit, words in {
        "minutes": "minute minutes min mins minuten minuto minutos",
        "hours": "hour hours h hr hrs stunde stunden heure heures hora horas",
        "days": "day days d tag tage tagen jour jours día dia días dias",
        "weeks": "week weeks wk wks woche wochen semaine semaines semana semanas fortnight"
        " fortnightly",
        "months": "month months monat monate monaten mois mes meses",
        "workdays": "weekday weekdays workday workdays werktag werktage werktagen werktags"
        " wochentag wochentags laborable laborables",
    }.items()
    for word in words.split()
}
WORKDAY_PHRASES: Final = (
    "business days",
    "business day",
    "working days",
    "working day",
    "jours ouvrables",
    "jour ouvrable",
    "jours ouvrés",
    "jour ouvré",
    "días laborables",
    "día laborable",
    "días hábiles",
    "día hábil",
)

NUMBER_WORDS: Final[Mapping[str, float]] = {
    word: value
    for value, words in {
        0.5: "half halbe halben halbes demi demie media medio",
        1: "a an one ein eine einem einen einer un une una uno",
        2: "two zwei deux dos couple",
        3: "three drei trois tres",
        4: "four vier quatre cuatro",
        5: "five fünf cinq cinco",
        6: "six sechs seis",
        7: "seven sieben sept siete",
        8: "eight acht huit ocho",
        9: "nine neun neuf nueve",
        10: "ten zehn dix diez",
        11: "eleven elf onze once",
        12: "twelve zwölf douze doce",
        15: "fifteen fünfzehn quinze quince",
        20: "twenty zwanzig vingt veinte",
        30: "thirty dreißig trente treinta",
        45: "fortyfive fünfundvierzig",
    }.items()
    for word in words.split()
}

ORDINAL_WORDS: Final[Mapping[str, int]] = {
    word: number
    for number, words in {
        1: "first erste ersten erster premier première primer primero primera",
        2: "second zweite zweiten deuxième segundo segunda",
        3: "third dritte dritten troisième tercer tercero tercera",
        4: "fourth vierte vierten quatrième cuarto cuarta",
        -1: "last letzte letzten dernier dernière último ultimo última ultima",
    }.items()
    for word in words.split()
}

NEXT_WORDS: Final = frozenset(
    {"next", "coming", "nächsten", "nächste", "nächster", "nächstes", "nächstem", "kommenden"}
    | {"kommende", "prochain", "prochaine", "próximo", "proximo", "próxima", "proxima"}
)
THIS_WORDS: Final = frozenset(
    {"this", "diesen", "diese", "dieser", "diesem", "ce", "cet", "cette", "este", "esta"}
)
EVERY_WORDS: Final = frozenset(
    {"every", "each", "jeden", "jede", "jeder", "jedes", "jedem", "alle", "chaque"}
    | {"tous", "toutes", "todos", "todas", "cada"}
)
OTHER_WORDS: Final = frozenset({"other", "alternate", "otro", "otra"})
EVERY_OTHER: Final = (
    re.compile(r"\b(?:un|une|le|la) (\w+) sur deux\b"),
    re.compile(r"\b(?:un|una) (\w+) s[ií] y (?:otro|otra) no\b"),
    re.compile(r"\bevery (fortnight)\b"),
    re.compile(r"\b(fortnightly)\b"),
)
"""What means "every other …", with the unit in it; a fortnight is two weeks."""
ADVERBS: Final[Mapping[str, str]] = {
    "daily": "days",
    "täglich": "days",
    "quotidiennement": "days",
    "diariamente": "days",
    "hourly": "hours",
    "stündlich": "hours",
    "weekly": "weeks",
    "wöchentlich": "weeks",
    "monthly": "months",
    "monatlich": "months",
    "mensuellement": "months",
    "mensualmente": "months",
    "weekdays": "workdays",
    "werktags": "workdays",
    "wochentags": "workdays",
}
WEEKDAY_ADVERBS: Final[Mapping[str, int]] = {
    f"{word}s": WEEKDAY_WORDS[word]
    for word in ["montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonntag"]
}

IN_WORDS: Final = frozenset({"in", "dans", "en", "dentro de", "within", "nach"})
AND_WORDS: Final = frozenset({"and", "und", "et", "y", "&", "+"})
FILLERS: Final = frozenset(
    {"on", "the", "am", "of", "in", "at", "im", "der", "den", "dem", "des", "de", "del", "du"}
    | {"le", "les", "la", "el", "los", "las", "por", "für", "for", "um", "à", "a", "au", "the"}
    | {"of", "from", "ab", "von", "en", "um", "uhr"}
)
