"""Finds small numbers that are written as words, in the languages of the question sets.

>>> [(one.value, one.end) for one in find_spelled("thirty-two euros")]
[(32, 10)]
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_WORDS = {
    1: "one eine einen un une uno один одна одну bir",
    2: "two zwei deux dos два две двух iki",
    3: "three drei trois tres три трёх трех üç",
    4: "four vier quatre cuatro четыре четырёх четырех dört",
    5: "five fünf cinq cinco пять пяти beş",
    6: "six sechs seis шесть шести altı",
    7: "seven sieben sept siete семь семи yedi",
    8: "eight acht huit ocho восемь восьми sekiz",
    9: "nine neun neuf nueve девять девяти dokuz",
    10: "ten zehn dix diez десять десяти on",
    11: "eleven elf onze once одиннадцать одиннадцати",
    12: "twelve zwölf douze doce двенадцать двенадцати",
    13: "thirteen dreizehn treize trece тринадцать тринадцати",
    14: "fourteen vierzehn quatorze catorce четырнадцать четырнадцати",
    15: "fifteen fünfzehn quinze quince пятнадцать пятнадцати",
    16: "sixteen sechzehn seize dieciséis шестнадцать шестнадцати",
    17: "seventeen siebzehn diecisiete семнадцать семнадцати",
    18: "eighteen achtzehn dieciocho восемнадцать восемнадцати",
    19: "nineteen neunzehn diecinueve девятнадцать девятнадцати",
    20: "twenty zwanzig vingt veinte двадцать двадцати yirmi",
    30: "thirty dreißig dreissig trente treinta тридцать тридцати otuz",
    40: "forty vierzig quarante cuarenta сорок сорока kırk",
    50: "fifty fünfzig cinquante cincuenta пятьдесят пятидесяти elli",
    60: "sixty sechzig soixante sesenta шестьдесят шестидесяти altmış",
    70: "seventy siebzig setenta семьдесят семидесяти yetmiş",
    80: "eighty achtzig ochenta восемьдесят восьмидесяти seksen",
    90: "ninety neunzig noventa девяносто doksan",
}
_VALUES = {name: value for value, names in _WORDS.items() for name in names.split()}
_AMBIGUOUS = frozenset({"on", "once", "un", "une", "uno"})
"""Words that are mostly something else, in this language or another; they only follow a number."""
_ONE_TO_NINE = "|".join(name for name, value in _VALUES.items() if value < 10)
_TENS = "|".join(name for name, value in _VALUES.items() if 20 <= value < 100)
_WORD = re.compile(r"[^\W\d_]+")
_GLUED = re.compile(rf"(?:(ein|{_ONE_TO_NINE})und({_TENS})|(veinti)(\w+))")
_JOINER = re.compile(r"(?:-| (?:y |et )?|-et-)(?=[^\W\d_])")
_UNACCENTED = str.maketrans("áéíóú", "aeiou")
_DIGITS = {sign: value for value, sign in enumerate("〇一二三四五六七八九")} | {"两": 2, "零": 0}
_POWERS = {"十": 10, "百": 100, "千": 1000}
_NUMERALS = re.compile(f"[{''.join([*_DIGITS, *_POWERS])}]+")


@dataclass(frozen=True, slots=True)
class Spelled:
    """A number in words: where it stands, and its value."""

    start: int
    end: int
    value: int


def find_spelled(text: str) -> Iterator[Spelled]:
    """Yields the numbers in words, in no order."""
    end = 0
    for match in _WORD.finditer(text):
        if match.start() < end or (value := _value_of(match[0])) is None:
            continue
        end = match.end()
        if value >= 20 and value % 10 == 0:
            joiner = _JOINER.match(text, end)
            following = _WORD.match(text, joiner.end()) if joiner else None
            rest = _value_of(following[0]) if following else None
            if following is not None and rest is not None and rest < 10:
                value, end = value + rest, following.end()
        if value >= 20 or match[0].lower() not in _AMBIGUOUS:
            yield Spelled(match.start(), end, value)
    for match in _NUMERALS.finditer(text):
        yield Spelled(match.start(), match.end(), _numeral_value(match[0]))


def _value_of(word: str) -> int | None:
    word = word.lower()
    if word in _VALUES:
        return _VALUES[word]
    glued = _GLUED.fullmatch(word)
    if glued is None:
        return None
    if glued[3]:
        rest = glued[4].translate(_UNACCENTED)
        return 20 + _VALUES[rest] if _VALUES.get(rest, 10) < 10 else None
    return _VALUES[glued[2]] + (1 if glued[1] == "ein" else _VALUES[glued[1]])


def _numeral_value(signs: str) -> int:
    total, digit = 0, 0
    for sign in signs:
        if sign in _POWERS:
            total, digit = total + (digit or 1) * _POWERS[sign], 0
        else:
            digit = 10 * digit + _DIGITS[sign]
    return total + digit
