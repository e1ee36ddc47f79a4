"""Looks a value up in a text whatever form it has there: letters, numbers, dates, addresses."""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from collections.abc import Iterator
from functools import cached_property
from typing import Final
from urllib.parse import unquote

from bot.knowledge.citations.numbers import Figure, find_figures

MAX_TEXT_CHARACTERS: Final = 1_000_000
"""Of one text, what is searched; a value behind it counts as not found, which asks a person."""
_MAX_FIGURE_CHARACTERS: Final = 200_000
_CHUNK_CHARACTERS: Final = 1_000
_OVERLAP_CHARACTERS: Final = 100
_QUOTED_WORDS: Final = 5
_ASKING_WORDS: Final = 12
"""How near each other the words of a tool's name stand in a text that asks for it."""
_STEM_CHARACTERS: Final = 5
_LEAST_WORD_CHARACTERS: Final = 3
_SECRET_DIGITS: Final = 6
"""So many digits in one word are a code, an account, or a telephone number."""
_DASHES = re.compile(r"[\u2010-\u2015\u2212]")
_QUOTES = str.maketrans("‘’‚‛“”„‟", "''''" + '""""')
_WORD = re.compile(r"\w+")
_NAME_WORD = re.compile(r"[a-z]+|[A-Z][a-z]*|[^\W\d_a-zA-Z]+")
_BETWEEN_ADDRESSES = re.compile(r"[\s<>()\[\]{}\"'|,;]")
_EDGES: Final = "\"'`()[]{}<>,;:!?*.…"


def normalize(text: str) -> str:
    """A text as it is compared: one form of each letter, without case, invisible characters, and
    differences of blanks, dashes and quotation marks."""
    plain = unicodedata.normalize("NFKC", text).translate(_QUOTES).casefold()
    plain = _DASHES.sub("-", plain)
    seen = (c for c in plain if c.isspace() or unicodedata.category(c)[0] != "C")
    return " ".join("".join(seen).split())


class SoughtValue:
    """A value that is looked up in texts."""

    def __init__(self, value: str) -> None:
        self.plain = normalize(value)
        self.wanted = {self.plain, normalize(unquote(value))} - {""}
        self.figures = _whole_figures(self.plain)
        """What it says where it is a number, a date or a time."""

    @cached_property
    def runs(self) -> frozenset[tuple[str, ...]]:
        """Each of its words with the following ones."""
        return frozenset(_runs(self.plain))


class SearchedText:
    """A text in which values are looked up; what that takes is made once."""

    def __init__(self, text: str) -> None:
        self.plain = normalize(text[:MAX_TEXT_CHARACTERS])

    def holds(self, value: SoughtValue) -> bool:
        """Whether a value stands in it as a whole, also in other letters or figures."""
        return self.spells(value) or self.tells(value)

    def spells(self, value: SoughtValue) -> bool:
        """Whether a value stands in it letter by letter, not as a part of a longer word."""
        return any(_stands_in(one, self.plain) for one in value.wanted)

    def tells(self, value: SoughtValue) -> bool:
        """Whether the number, the date or the time that a value is stands in it: `98.7` as `98.70`,
        `2026-05-03` as `May 3rd`. A year may be left out, and the midnight of a day."""
        return bool(value.figures) and not any(map(self.lacks, value.figures))

    def lacks(self, figure: Figure) -> bool:
        """Whether a number, a date or a time does not stand in it."""
        readings, years = self._figures
        if figure.sort == "year_of_date":
            return bool(years) and not figure.readings & years
        return not figure.readings & readings

    @cached_property
    def _figures(self) -> tuple[frozenset[str], frozenset[str]]:
        """The readings of all figures, and those of years."""
        readings: set[str] = set()
        years: set[str] = set()
        for chunk in _chunks(self.plain[:_MAX_FIGURE_CHARACTERS]):
            for one in find_figures(chunk):
                readings |= one.readings
                if one.sort == "year":
                    years |= one.readings
        return frozenset(readings), frozenset(years)

    def is_quoted_in(self, value: SoughtValue) -> bool:
        """Whether a value repeats five words of this text in a row."""
        return bool(value.runs) and not value.runs.isdisjoint(_runs(self.plain))

    def names(self, stems: frozenset[str]) -> bool:
        """Whether words with all these beginnings stand near each other in it."""
        if not stems or not all(stem in self.plain for stem in stems):
            return False
        last: dict[str, int] = {}
        for at, match in enumerate(_WORD.finditer(self.plain.replace("_", " "))):
            begun = tuple(stem for stem in stems if match[0].startswith(stem))
            last |= dict.fromkeys(begun, at)
            if begun and len(last) == len(stems) and at - min(last.values()) < _ASKING_WORDS:
                return True
        return False


def name_stems(name: str) -> frozenset[str]:
    """The beginnings of the words that a tool is named with."""
    words = _NAME_WORD.findall(name)
    return frozenset(
        word.casefold()[:_STEM_CHARACTERS]
        for word in words
        if len(word) >= _LEAST_WORD_CHARACTERS or len(words) == 1
    )


def find_addresses(text: str) -> Iterator[str]:
    """What leads somewhere in a text: addresses of pages and people, hosts, and long numbers."""
    for word in _BETWEEN_ADDRESSES.split(text):
        bare = word.strip(_EDGES)
        if bare and (is_address(bare) or _is_host(bare) or _is_long_number(bare)):
            yield bare


def is_address(word: str) -> bool:
    """Whether a word is written as the address of a page or a person."""
    name, at, host = word.rpartition("@")
    return "://" in word or word.casefold().startswith("www.") or bool(at and name and "." in host)


def host_of(word: str) -> str:
    """The host in an address, in plain reading; empty where a word is none."""
    if not (is_address(word) or _is_host(word)):
        return ""
    rest = word.partition("://")[2] or word
    return re.split(r"[/?#\\]", rest, maxsplit=1)[0].rpartition("@")[2].partition(":")[0]


def _is_host(word: str) -> bool:
    labels = re.split(r"[/?#]", word, maxsplit=1)[0].split(".")
    end = labels[-1]
    return len(labels) > 1 and all(labels) and len(end) > 1 and end.isalpha()


def _is_long_number(word: str) -> bool:
    digits = sum(c.isdigit() for c in word)
    return digits >= _SECRET_DIGITS and not _whole_figures(normalize(word), dates=True)


def _whole_figures(plain: str, *, dates: bool = False) -> tuple[Figure, ...]:
    """The figures that a value consists of; none where it says something besides them."""
    if not any(c.isdigit() for c in plain) or len(plain) > _OVERLAP_CHARACTERS:
        return ()
    spaced = re.sub(r"(?<=\d)t(?=\d)", " ", plain)
    found = find_figures(spaced)
    rest = spaced
    for one in reversed(found):
        rest = rest[: one.start] + rest[one.end :]
    if any(c.isalnum() or c == "-" for c in rest):
        return ()
    dated = any(one.sort == "date" for one in found)
    if dates and not dated and not any(one.sort == "time" for one in found):
        return ()
    kept = []
    for one in found:
        if dated and one.sort == "year":
            kept.append(Figure(one.start, one.end, one.readings, "year_of_date"))
        elif not (dated and one.sort == "time" and one.readings == {"t0"}):
            kept.append(one)
    return tuple(kept)


def _chunks(text: str) -> Iterator[str]:
    """A text in pieces that overlap and end between words, since few figures are found at once."""
    start = 0
    while start < len(text):
        end = start + _CHUNK_CHARACTERS
        if end >= len(text):
            yield text[start:]
            return
        end = max(text.rfind(" ", start, end), start + _OVERLAP_CHARACTERS * 2)
        yield text[start:end]
        start = text.find(" ", end - _OVERLAP_CHARACTERS, end) + 1 or end


def _runs(plain: str) -> Iterator[tuple[str, ...]]:
    last: deque[str] = deque(maxlen=_QUOTED_WORDS)
    for match in _WORD.finditer(plain):
        last.append(match[0])
        if len(last) == _QUOTED_WORDS:
            yield tuple(last)


def stands_in(value: str, text: str) -> bool:
    """Whether a value stands in a text letter by letter, but for what `normalize` leaves out."""
    return SearchedText(text).spells(SoughtValue(value))


def _stands_in(value: str, text: str) -> bool:
    """Whether a value stands in a text, not as a part of a longer word or number."""
    at = text.find(value)
    while at >= 0:
        end = at + len(value)
        before = at > 0 and value[0].isalnum() and text[at - 1].isalnum()
        after = end < len(text) and value[-1].isalnum() and text[end].isalnum()
        if not ((before or after) and value.isascii()):
            return True
        at = text.find(value, at + 1)
    return False
