"""Tells whether the text of a PDF is what its letters say, or codes that nothing decodes."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

NOISE = re.compile(r"[\x00-\x1f\x7f-\x9f\ue000-\uf8ff\ufffd\uffff]")
"""Characters that are no text: of a font's own (icons), or of no font."""
_MIN_JUDGED_CHARACTERS = 8
_MAX_UNDECODED_SHARE = 0.3
_MAX_SCRIPTS = 4
_MIN_JUDGED_LETTERS = 12
_WRITTEN_TOGETHER = frozenset(
    {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "FULLWIDTH", "HALFWIDTH"}
    | {"GREEK", "LATIN", "MODIFIER", "MATHEMATICAL"}
)
"""Scripts that stand beside each other in one text."""


class UndecodableText(Exception):
    """The fonts of a page do not say which letters they draw."""


def check_decoded(text: str, unknown: int) -> None:
    """Raises `UndecodableText` where a part of the letters that matters is noise, or letters are
    from more scripts than anyone writes in."""
    written = len(text) - sum(map(text.count, " \r\n\t"))
    if written < _MIN_JUDGED_CHARACTERS:
        return
    noise = len(NOISE.findall(text)) - sum(map(text.count, "\r\n\t"))
    unsure = unknown > _MAX_UNDECODED_SHARE * written and not looks_written(text)
    if unsure or noise > _MAX_UNDECODED_SHARE * written:
        raise UndecodableText
    if not text.isascii():
        scripts = Counter(
            unicodedata.name(letter, "?").split()[0]
            for letter in text[:4_000]
            if letter > "\u024f" and letter.isalpha()
        )
        if sum(scripts.values()) >= _MIN_JUDGED_LETTERS:
            common = [name for name, times in scripts.items() if times * 25 >= scripts.total()]
            if len(set(common) - _WRITTEN_TOGETHER) > _MAX_SCRIPTS:
                raise UndecodableText


def looks_written(text: str) -> bool:
    """Whether codes that were taken for ASCII are such: TeX's fonts do not say so."""
    letters = [letter for letter in text.lower() if letter.isalpha()]
    if sum(letter.isascii() for letter in letters) < 0.7 * len(letters):
        return False
    capitals = sum(letter.isupper() for letter in text)
    vowels = sum(map(letters.count, "aeiou"))
    return len(letters) < _MIN_JUDGED_LETTERS or (
        0.22 * len(letters) < vowels < 0.65 * len(letters) and capitals < 0.6 * len(letters)
    )


def is_right_to_left(text: str) -> bool:
    """Whether a text begins in a script that runs to the left."""
    return not text.isascii() and any(
        "\u0590" <= letter <= "\u08ff" and unicodedata.bidirectional(letter) in ("R", "AL")
        for letter in text[:20]
    )
