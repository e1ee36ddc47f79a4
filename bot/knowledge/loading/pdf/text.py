"""Writes the words of a line, and the lines of a paragraph, as text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bot.knowledge.loading.pdf.legibility import is_right_to_left
from bot.knowledge.loading.pdf.words import Word
from bot.skills.document_tree import lowered, raised

_GLUED_EM = 0.17
"""What stands nearer is one word, whatever drew it; kerning reaches so far."""
_THIN_EM = 0.1
"""The thin space of a long number: two figures that are further apart are two numbers."""
OVERLAP_EM = -0.19
"""What reaches further into the word before it is another word."""
_SMALL_SIZE_RATIO = 0.86
_TINY_SIZE_RATIO = 0.75
MIN_RAISE_EM = 0.12
MAX_RAISE_EM = 0.85
MAX_RAISED_GAP_EM = 0.2
_RAISED_NUMBER = re.compile(r"[-+−–]?\d{1,3}")
_MIN_NUMBER_RAISE_EM = 0.25
BULLETS = "•‣▪●○◦■□–*·‧-"
MARK = (
    rf"[{BULLETS}]|\[[ x]\]"
    r"|\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{2,4})\)|(?:\d{1,3}|[a-z]|[ivx]{2,4})\."
)
"""What stands before the item of a list."""
FIRST_MARK = re.compile(rf"{MARK}|[A-Z]\.")
_MAX_SPACES = 2
"""Characters between two words that follow each other in the text."""
_WORD = re.compile(r"\w*")


def write_words(words: Sequence[Word]) -> str:
    """The text of words of one height, raised and lowered ones as such."""
    if len(words) == 1:
        return words[0].text
    if any(is_right_to_left(word.text) for word in words if not word.text.isascii()):
        words = _in_reading_order(words)
    elif all(word.y == words[0].y for word in words):
        return _write_level(words)
    main = max(words, key=lambda word: word.size)
    made: list[str] = []
    shifted: list[str] = []
    way = 0
    last: Word | None = None
    end = 0.0
    for word in words:
        shift = _shift(last, word, end, main)
        if shifted and (shift != way or word.x - end > _GLUED_EM * word.size):
            made.append(_shifted("".join(shifted), way))
            shifted = []
        if last is not None and not shifted and _apart(last, word, end, shift or way):
            made.append(" ")
        (shifted if shift else made).append(word.text)
        way, last, end = shift, word, word.end
    if shifted:
        made.append(_shifted("".join(shifted), way))
    return "".join(made)


def _write_level(words: Sequence[Word]) -> str:
    made = [words[0].text]
    end = words[0].end
    for last, word in pairwise(words):
        if _apart(last, word, end, 0):
            made.append(" ")
        made.append(word.text)
        end = word.end
    return "".join(made)


def _shifted(text: str, way: int) -> str:
    return raised(text) if way > 0 else lowered(text)


def _shift(last: Word | None, word: Word, end: float, main: Word) -> int:
    """1 where a word is raised, -1 where it is lowered, beside the words of the cell."""
    rise = (word.y - main.y) / main.size
    least = MIN_RAISE_EM if word.size > _TINY_SIZE_RATIO * main.size else 0.5 * MIN_RAISE_EM
    if not least <= abs(rise) <= MAX_RAISE_EM:
        return 0
    if not is_small(word, main):
        return 0
    if last is not None and word.x - end > MAX_RAISED_GAP_EM * main.size:
        return 0
    return 1 if rise > 0 else -1


def is_small(word: Word, beside: Word) -> bool:
    """Whether a word can be raised or lowered beside another: its letters are smaller, or it is a
    number that stands well above or below."""
    if word.size <= _SMALL_SIZE_RATIO * beside.size:
        return True
    away = abs(word.y - beside.y) > _MIN_NUMBER_RAISE_EM * beside.size
    return away and bool(_RAISED_NUMBER.fullmatch(word.text))


def _apart(last: Word, word: Word, end: float, shift: int) -> bool:
    gap = word.x - end
    if (
        last.run != word.run
        and not shift
        and len(last.text) > 1
        and FIRST_MARK.fullmatch(last.text)
    ):
        return True
    if _GLUED_EM * word.size < gap and not shift and last.text.isascii():
        return True
    size = min(last.size, word.size)
    if word.x < last.x:
        return _apart_to_the_left(last, word, _GLUED_EM * size)
    if shift:
        return last.spaced or gap > _GLUED_EM * size
    if gap < OVERLAP_EM * size:
        return True
    if last.text[-1].isdigit() and word.text[0].isdigit():
        return gap > _THIN_EM * size
    if _is_wide(last.text[-1]) and _is_wide(word.text[0]):
        return gap > 0.5 * size
    return gap > _GLUED_EM * size or (last.spaced and gap > 0.02 * size)


def _apart_to_the_left(last: Word, word: Word, glued: float) -> bool:
    """Whether there is a space between two words of a line that runs to the left; pdfium has turned
    some of these round."""
    between = max(word.place[0] - last.place[1], last.place[0] - word.place[1])
    if last.place != word.place and 0 <= between <= _MAX_SPACES:
        turns = is_right_to_left(last.text) != is_right_to_left(word.text)
        return between > 0 or (turns and last.text[-1].isalnum() and word.text[0].isalnum())
    return max(last.x - word.end, word.x - last.end) > glued


def _in_reading_order(words: Sequence[Word]) -> Sequence[Word]:
    """Words of a line that runs to the left; those of Latin script in it run to the right."""
    if 2 * sum(is_right_to_left(word.text) for word in words) < len(words):
        return words
    ordered: list[Word] = []
    run: list[Word] = []
    for word in [*reversed(words), None]:
        if word is not None and not is_right_to_left(word.text):
            run.append(word)
            continue
        run.reverse()
        marks = 1 if len(run) > 1 and not any(map(str.isalnum, run[0].text)) else 0
        ordered += [*run[marks:], *run[:marks]]  # a full stop left of a number is read after it
        run = []
        if word is not None:
            ordered.append(word)
    return ordered


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words of a document, which tell how lines that end within a word are to be joined.

    `hyphenated` are those written with a hyphen within a line. `words` are the Korean ones;
    `spaces_at_ends` tells that Korean lines which end at the end of a word end with a space.
    """

    hyphenated: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    spaces_at_ends: bool = False


def join_lines(
    before: str, after: str, vocabulary: Vocabulary | None = None, *, spaced: bool = False
) -> str:
    """Joins two lines of a paragraph; a word that was hyphenated at the line end is rejoined.

    `spaced` tells that the document has a space at the end of the first line.
    """
    known = vocabulary or Vocabulary()
    before, after = before.rstrip(), after.lstrip()
    if not before or not after:
        return before + after
    if before.endswith(("\xad", "-", "‐")) and len(before) > 1 and before[-2].isalpha():
        if not after[0].islower():
            return f"{before[:-1]}-{after}"
        start = before[-60:-1].rpartition(" ")[2].rpartition("-")[2]
        rest = _WORD.match(after)
        whole = f"{start}-{rest[0] if rest else ''}".lstrip("(“\"'").casefold()
        return f"{before[:-1]}-{after}" if whole in known.hyphenated else before[:-1] + after
    if is_hangul(before[-1]) and is_hangul(after[0]) and not spaced:
        start, rest = before[-30:].rpartition(" ")[2], _WORD.match(after)
        cut = start + (rest[0] if rest else "")
        return before + after if known.spaces_at_ends or cut in known.words else f"{before} {after}"
    unspaced = _is_wide(before[-1]) and _is_wide(after[0])
    return before + after if unspaced else f"{before} {after}"


def _is_wide(letter: str) -> bool:
    """Whether a letter is Chinese or Japanese; Korean has spaces between words."""
    code = ord(letter)
    if is_hangul(letter):
        return False
    return 0x2E80 < code < 0xD800 or 0xF900 <= code < 0xFFF0 or 0x20000 <= code < 0x40000


def is_hangul(letter: str) -> bool:
    return "가" <= letter <= "힣"
