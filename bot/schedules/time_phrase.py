"""Reads a time in words, in five languages: what every word of it says, or that it is none.

What it does not know is no time: a wrong one would be worse than a question back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from bot.schedules.clock_words import rewrite_clock
from bot.schedules.japanese_times import put_into_english
from bot.schedules.time_lexicon import (
    ADVERBS,
    AND_WORDS,
    DAY_PARTS,
    DAY_WORDS,
    EVERY_OTHER,
    EVERY_WORDS,
    FILLERS,
    IN_WORDS,
    NEXT_WORDS,
    NUMBER_WORDS,
    ORDINAL_WORDS,
    OTHER_WORDS,
    THIS_WORDS,
    UNIT_WORDS,
    WEEKDAY_ADVERBS,
    WEEKDAY_WORDS,
    WORKDAY_PHRASES,
)

_BEFORE_DAY_OF_MONTH = frozenset({"el", "le", "den", "día", "tag", "day"})
MAX_PHRASE_CHARACTERS: Final = 120
_MOST_IN_MONTH: Final = 5
"""How often a day of the week can come in a month."""
_MARKS = re.compile(r"[,;()–—]")
_CLOCK = re.compile(r"\d{2}:\d{2}")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
_DOTTED = re.compile(r"\b(\d{1,2})\.\s?(\d{1,2})\.(?:\s?(\d{4}))?(?!\d)")
_ORDINAL = re.compile(r"(\d{1,2})(?:st|nd|rd|th|er|\.|º)")
_TWO_WORDS: Final = tuple(phrase for phrase in (*DAY_WORDS, *DAY_PARTS, *IN_WORDS) if " " in phrase)


class NoTime(ValueError):
    """The words are no time, or none that can be."""


@dataclass(slots=True)
class Phrase:
    """What the words of a time say; None and empty where they say nothing of it."""

    clock: tuple[int, int] | None = None
    day: int | None = None
    """Days from today."""
    weekdays: list[int] = field(default_factory=list)
    part: int | None = None
    """The hour that a part of the day stands for."""
    span: tuple[float, str] | None = None
    """In how many of which unit; if `every`, how many lie between."""
    every: bool = False
    skip: int | None = None
    """Every so many of them: 2 for every other."""
    following: bool = False
    """The next one, not one that could be today."""
    next_unit: str = ""
    """"weeks" for next week, "months" for next month."""
    of_month: int | None = None
    nth: int | None = None
    date: tuple[int | None, int, int] | None = None
    """Year, month, day."""
    rest: list[str] = field(default_factory=list)
    """Words that are none of these: perhaps a date with the name of its month."""

    def time_of_day(self) -> tuple[int, int] | None:
        """The hour and minute: 8 in the evening is 20:00. Raises `NoTime`."""
        if self.clock is None:
            return None if self.part is None else (self.part, 0)
        hour, minute = self.clock
        if self.part is not None and self.part >= 12 and 0 < hour < 12:
            hour += 12
        if self.part == 9 and hour >= 13:
            raise NoTime
        return hour, minute


def read_phrase(text: str) -> Phrase:
    """Read the words of a time. Raises `NoTime`."""
    words = " ".join(put_into_english(text).lower().replace("’", "'").split())
    if not words or len(words) > MAX_PHRASE_CHARACTERS:
        raise NoTime
    words = _MARKS.sub(" ", words).rstrip(": ")
    for phrase in WORKDAY_PHRASES:
        words = words.replace(phrase, "workdays")
    for pattern in EVERY_OTHER:
        words = pattern.sub(r"every other \1", words)
    clock = rewrite_clock(words)
    if clock is None:
        raise NoTime
    said = Phrase()
    clock = _DOTTED.sub(lambda found: _take_dotted(said, found), clock)
    clock = re.sub(r"(?<=[^\W\d_])-(?=[^\W\d_])", " ", clock)
    for two in _TWO_WORDS:
        clock = clock.replace(two, two.replace(" ", "_"))
    tokens = clock.split()
    _Reader(said, tokens).read()
    return said


def _take_dotted(phrase: Phrase, found: re.Match[str]) -> str:
    phrase.date = int(found[3]) if found[3] else None, int(found[2]), int(found[1])
    return " "


class _Reader:
    """Takes the words one after the other; each must say something that none before it said."""

    def __init__(self, phrase: Phrase, tokens: Sequence[str]) -> None:
        self.phrase = phrase
        self.tokens = tokens
        self.at = 0

    def read(self) -> None:
        while self.at < len(self.tokens):
            word = self.tokens[self.at].strip(".!?") if not self._is_ordinal() else self._word
            self.at += 1
            if not (
                self._take_number(word)
                or self._take_repetition(word)
                or self._take_day(word.replace("_", " "))
                or word in AND_WORDS
                or word in FILLERS
                or word in THIS_WORDS
                or word.replace("_", " ") in IN_WORDS
            ):
                self.phrase.rest.append(word)

    @property
    def _word(self) -> str:
        return self.tokens[self.at]

    def _is_ordinal(self) -> bool:
        return _ORDINAL.fullmatch(self._word) is not None

    def _take_number(self, word: str) -> bool:
        phrase = self.phrase
        if _CLOCK.fullmatch(word):
            return self._set("clock", (int(word[:2]), int(word[3:])))
        if _ISO.fullmatch(word):
            year, month, day = map(int, word.split("-"))
            return self._set("date", (year, month, day))
        if (span := self._span(word)) is not None:
            return self._set("span", span)
        before = self.tokens[self.at - 2] if self.at > 1 else ""
        if phrase.rest or self._is_before_month():
            return False  # a date with the name of its month
        found = _ORDINAL.fullmatch(word)
        if found is not None or word in ORDINAL_WORDS:
            return self._take_ordinal(int(found[1]) if found else ORDINAL_WORDS[word])
        if word.isdecimal() and before in _BEFORE_DAY_OF_MONTH and 1 <= int(word) <= 31:
            return self._set("of_month", int(word))
        return False

    def _take_ordinal(self, number: int) -> bool:
        """The second Tuesday, every second week, or the second of the month."""
        following = self.tokens[self.at] if self.at < len(self.tokens) else ""
        if following in WEEKDAY_WORDS and number <= _MOST_IN_MONTH:
            return self._set("nth", number)
        if self.phrase.every and following in UNIT_WORDS and number > 1:
            return self._set("skip", number)
        return number > 0 and self._set("of_month", number)

    def _span(self, word: str) -> tuple[float, str] | None:
        """A number with its unit, such as "20 minutes", "half an hour", "einer halben Stunde"."""
        found = re.fullmatch(r"(\d{1,5})(m|min|h|d|w)", word)
        if found is not None:
            return float(found[1]), {"m": "minutes"}.get(found[2]) or UNIT_WORDS.get(
                found[2], "weeks"
            )
        at, number = self.at, self._number(word)
        while at < len(self.tokens) and number is not None:
            token = self.tokens[at]
            if token in UNIT_WORDS:
                self.at = at + 1
                return number, UNIT_WORDS[token]
            more = self._number(token)
            if more is None and token not in {"of", "de"}:
                return None
            number = number if more is None or more == 1 else more if number == 1 else None
            at += 1
        return None

    @staticmethod
    def _number(word: str) -> float | None:
        return float(word) if word.isdecimal() and len(word) < 6 else NUMBER_WORDS.get(word)

    def _is_before_month(self) -> bool:
        """Whether a word follows that is no word of ours: the name of a month."""
        rest = [one for one in self.tokens[self.at :] if one not in {"of", "de"}][:1]
        return any(self._is_unknown(one) for one in rest)

    @staticmethod
    def _is_unknown(word: str) -> bool:
        sets = (UNIT_WORDS, WEEKDAY_WORDS, DAY_PARTS, DAY_WORDS, EVERY_WORDS, NEXT_WORDS, FILLERS)
        known = any(word in one for one in (*sets, IN_WORDS, AND_WORDS, ADVERBS, THIS_WORDS))
        return not known and not word[:1].isdecimal()

    def _take_repetition(self, word: str) -> bool:
        phrase = self.phrase
        if word in EVERY_WORDS:
            return self._set("every", True) if not phrase.every else word in {"les", "los"}
        if word in OTHER_WORDS and phrase.every:
            return self._set("skip", 2)
        if word in ADVERBS:
            phrase.every = True
            return self._set("span", (1, ADVERBS[word]))
        if word in WEEKDAY_ADVERBS:
            phrase.every = True
            phrase.weekdays.append(WEEKDAY_ADVERBS[word])
            return True
        if word in NEXT_WORDS:
            return self._set("following", True)
        if word in UNIT_WORDS:
            return self._take_unit(UNIT_WORDS[word])
        return False

    def _take_unit(self, unit: str) -> bool:
        """A unit without a number: every week, next month, the 3rd of the month."""
        phrase = self.phrase
        if phrase.every and phrase.span is None:
            return self._set("span", (1, unit))
        if unit in {"weeks", "months"} and (phrase.following or self._next_follows()):
            return self._set("next_unit", unit)
        return unit == "months" and (phrase.of_month is not None or phrase.nth is not None)

    def _next_follows(self) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at] in NEXT_WORDS

    def _take_day(self, word: str) -> bool:
        phrase = self.phrase
        named = phrase.day is not None or phrase.weekdays
        if word in WEEKDAY_WORDS:
            phrase.weekdays.append(WEEKDAY_WORDS[word])
            return True
        if (joined := _weekday_and_part(word)) is not None:
            phrase.weekdays.append(joined[0])
            return self._set("part", joined[1])
        if word in DAY_WORDS and not named:
            return self._set("day", DAY_WORDS[word])
        if word == "tonight":
            self._set("day", 0)
        return word in DAY_PARTS and self._set("part", DAY_PARTS[word])

    def _set(self, name: str, value: object) -> bool:
        before = getattr(self.phrase, name)
        if before not in (None, False, ""):
            raise NoTime
        setattr(self.phrase, name, value)
        return True


def _weekday_and_part(word: str) -> tuple[int, int] | None:
    """A day of the week and a part of it in one word, as in "Dienstagabend"."""
    for weekday, number in WEEKDAY_WORDS.items():
        if word.startswith(weekday) and word[len(weekday) :] in DAY_PARTS:
            return number, DAY_PARTS[word[len(weekday) :]]
    return None
