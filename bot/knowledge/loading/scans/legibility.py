"""Judges whether what was recognised is what the page says.

The model answers for any ink. Scripts that it does not know come out as a few signs with a high
score (Cyrillic), as letters of another script (Korean, Greek), or with letters left out
(Vietnamese). Measured on pages of 15 languages: legible pages score 0.98 and above, with noise
and turned too, and have 1.0 letters and more for each square of a line's height; the others stay
below 0.92 or below 0.3 letters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from bot.knowledge.loading.scans.text_line import TextLine

_MIN_LINE_SCORE = 0.75
_MIN_PAGE_SCORE = 0.94
"""Of a page enlarged from 38 dots an inch 69 % of the words were right, with a score of 0.97;
from 30 dots 50 %, with 0.91; from 25 dots 10 %, with 0.78."""
_MIN_LETTERS_PER_SQUARE = 0.5
"""Letters on a piece of the line that is as long as the line is high."""
_MIN_JUDGED_SQUARES = 4
"""Shorter pieces may be a dash or a page number."""
_MAX_ILLEGIBLE_SHARE = 0.3
"""Of the length of all lines; with more a page is refused."""
_MIN_UNIFORM_LETTERS = 12
_HAN = re.compile("[\u3005-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_VIETNAMESE = re.compile("[ơưƠƯ]")
_HAN_LANGUAGES = frozenset({"zh", "ja"})


@dataclass(frozen=True, slots=True)
class Judgement:
    """The lines of a page that can be trusted, and the mean score of them by their length.

    `legible` is false where the page should be refused; `partly` says that lines are missing.
    """

    lines: tuple[TextLine, ...] = field(repr=False)
    score: float
    legible: bool
    partly: bool


def judge_page(lines: Sequence[TextLine], languages: Collection[str]) -> Judgement:
    """Judges the lines of a page that is written in one or more of the languages."""
    kept = tuple(line for line in lines if _is_legible(line, languages))
    length = sum(line.width for line in lines)
    kept_length = sum(line.width for line in kept)
    if not kept:
        return Judgement((), 0.0, not lines, False)
    score = sum(line.score * line.width for line in kept) / kept_length
    missing = 1 - kept_length / length
    legible = score >= _MIN_PAGE_SCORE and missing <= _MAX_ILLEGIBLE_SHARE
    return Judgement(kept, round(score, 3), legible, len(kept) < len(lines))


def _is_legible(line: TextLine, languages: Collection[str]) -> bool:
    text = "".join(line.text.split())
    squares = line.width / line.height
    if line.score < _MIN_LINE_SCORE or not text:
        return False
    if squares >= _MIN_JUDGED_SQUARES and len(text) / squares < _MIN_LETTERS_PER_SQUARE:
        return False
    letters = [letter for letter in text if letter.isalnum()]
    if len(letters) >= _MIN_UNIFORM_LETTERS and len(set(letters)) <= 2:
        return False
    if _VIETNAMESE.search(text):
        return False
    foreign = sum(_is_foreign(letter, languages) for letter in letters)
    return foreign * 2 <= len(letters)


def _is_foreign(letter: str, languages: Collection[str]) -> bool:
    """Whether a letter is of a script in which none of the languages is written."""
    if letter < "\u0250" or not letter.isalpha():
        return False
    if _HAN.match(letter):
        return not _HAN_LANGUAGES.intersection(languages)
    return not unicodedata.name(letter, "").startswith(("LATIN", "FULLWIDTH", "HALFWIDTH"))
