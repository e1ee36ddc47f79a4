"""Splits text of any language into words, for the full text index and for questions.

Chinese, Japanese, Korean and Thai runs have no spaces to cut at, so they are stored as overlapping
pairs of characters, and a question is cut the same way.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import Any

from bot.knowledge.language.stopwords import (
    ENGLISH,
    OTHER_LANGUAGES,
    STOP_CHARACTERS,
    find_stop_words,
)

UNSPACED_CHARACTERS = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3130-\u318f"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff"
)
"""Ranges of characters of scripts without spaces, for a set in a regular expression."""
_UNSPACED_RUN = re.compile(f"[{UNSPACED_CHARACTERS}]+")
_TERM = re.compile(
    f"[{UNSPACED_CHARACTERS}]+|[^\\W_{UNSPACED_CHARACTERS}]+(?:[.'’][^\\W\\d_{UNSPACED_CHARACTERS}]+)*"
)
_RAISED_FIGURES = re.compile(r"(?:(?<=\d)|(?<=[^\W\d_]{4}))[⁺⁻]?[¹²³⁰⁴-⁹]++")
_NAME_PART_BOUNDARY = re.compile(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_LETTER = re.compile(r"[^\W\d_]")
_ELISION = re.compile(r"^[^\W\d_]['’](?=\w)")
"""A word that lost its vowel: `c'est`, `l'eau`, `d'Italia`."""
_ASCII_CONTROLS = dict.fromkeys({*range(32), 127} - {ord("\n"), ord("\t")}, " ")
MAX_TERMS = 64
"""The most distinct words of one question that are searched."""


def normalise(text: str) -> str:
    """Normalises a text (NFKC) and replaces control characters by spaces.

    Raised figures stay apart from the number or word that they are a power or note of: `10⁶` is
    `10^6` and not `106`, `Basel¹` is `Basel^1`. Those of units are not: `m²` is `m2`.
    """
    if text.isascii():  # it is normal as it is, and this is what most passages are
        return text.translate(_ASCII_CONTROLS)
    text = unicodedata.normalize("NFKC", _RAISED_FIGURES.sub(r"^\g<0>", text))
    return "".join(c if c.isprintable() or c in "\n\t" else " " for c in text)


def to_indexed_text(text: str) -> str:
    """Returns the text as the full text index stores it: unspaced runs as pairs of characters."""
    return _UNSPACED_RUN.sub(lambda run: " " + " ".join(_pairs(run[0])) + " ", normalise(text))


def _pairs(run: str) -> list[str]:
    """Returns overlapping pairs and the last character: every character starts a term."""
    return [run[at : at + 2] for at in range(len(run))]


def is_unspaced(term: str) -> bool:
    """Tells whether a term is in a script without spaces between words."""
    return _UNSPACED_RUN.fullmatch(term) is not None


def extract_terms(question: str, language: str = "") -> list[str]:
    """Returns the words of a question that carry meaning, in order, each once, in lower case.

    At most `MAX_TERMS`. Empty where there are only stop words or signs.
    """
    found: dict[str, None] = {}
    if not language and english_share(question) > 0.5:
        language = "en"
    stop = find_stop_words(language)
    for match in _TERM.finditer(normalise(question).casefold()):
        for term in _question_terms(match[0], stop):
            found.setdefault(term)
        if len(found) >= MAX_TERMS:
            break
    return list(found)[:MAX_TERMS]


def _question_terms(word: str, stop: frozenset[str]) -> list[str]:
    if is_unspaced(word):
        pairs = [word] if len(word) == 1 else [word[at : at + 2] for at in range(len(word) - 1)]
        return [pair for pair in pairs if not set(pair) <= STOP_CHARACTERS]
    word = _ELISION.sub("", re.sub(r"['’]s$", "", word))
    if word in stop:
        return []
    return [part for part in re.split(r"[.'’]", word) if part and part not in stop]


def is_keywords(question: str, language: str = "") -> bool:
    """Tells whether each word carries meaning, as in search terms: nobody talks like that."""
    stop = find_stop_words(language or "en")
    found = _TERM.findall(normalise(question).casefold())
    return bool(found) and all(_question_terms(word, stop) for word in found)


def match_expression(words: list[str], language: str = "") -> str:
    """Returns an FTS5 query for any of the words; each is quoted, so none is syntax.

    The index knows English endings. Of a word in another `language` the stem is looked for, too, as
    the beginning of a word.
    """
    return " OR ".join(_match_word(word, language) for word in words)


def _match_word(word: str, language: str) -> str:
    if is_unspaced(word):
        return f'"{word}"*' if len(word) == 1 else f'"{word}"'
    if language in ("", "en") or language not in _STEMMERS:
        return f'"{word}"'
    root = stem(word, language)
    return f'("{word}" OR "{root}"*)' if len(root) >= _MIN_ROOT_CHARACTERS else f'"{word}"'


@lru_cache(maxsize=50_000)
def stem(word: str, language: str = "") -> str:
    """Returns a rough stem, for comparing words of a question with those of a passage.

    By the algorithm of the language (Snowball) if it is known and not English; else English endings
    and plural forms are cut off, and what has none stays as it is.
    """
    name = _STEMMERS.get(language)
    if name is not None:
        word = _stemmer(name).stemWord(word)
    word = "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))
    if name is not None:
        return word
    if len(word) <= 3 or not word.isascii() or not word.isalpha():
        return word
    for ending, instead in _STEM_ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)] + instead
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiouls":
        word = word[:-1]
    return word[:-1] + "i" if len(word) > 3 and word.endswith("y") else word.removesuffix("e")


_MIN_ROOT_CHARACTERS = 4
_STEMMERS = {
    "ar": "arabic",
    "ca": "catalan",
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "es": "spanish",
    "et": "estonian",
    "eu": "basque",
    "fa": "persian",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "nl": "dutch",
    "no": "norwegian",
    "pl": "polish",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
}
"""Snowball's algorithms by language. English has the rules below, which searches are tuned with."""


@cache
def _stemmer(name: str) -> Any:
    import Stemmer

    return Stemmer.Stemmer(name)


_STEM_ENDINGS = (
    ("ations", "at"),
    ("ation", "at"),
    ("ments", "ment"),
    ("ingly", ""),
    ("edly", ""),
    ("ings", ""),
    ("sses", "ss"),
    ("ness", ""),
    ("ing", ""),
    ("ies", "i"),
    ("ied", "i"),
    ("ers", "er"),
    ("ed", ""),
    ("ly", ""),
    ("es", "e"),
    ("ss", "ss"),
    ("us", "us"),
    ("is", "is"),
    ("s", ""),
)


def extract_stems(text: str, language: str = "") -> frozenset[str]:
    """The stems of the words of a passage, as `stem` makes them, and the pairs of its unspaced
    runs; `poolSize` is a word and two more, as `POOL_SIZE` is two."""
    found: set[str] = set()
    text = normalise(text)
    parted = _NAME_PART_BOUNDARY.sub(" ", text)
    if parted != text:  # a name of code has its parts' stems too
        found.update(extract_stems(parted, language))
    for match in _TERM.finditer(text.casefold()):
        word = match[0]
        if is_unspaced(word):
            found.update(_pairs(word))
            continue
        found.update(stem(part, language) for part in re.split(r"[.'’]", word) if part)
    return frozenset(found)


def english_share(question: str) -> float:
    """Estimates how English a question is, 0 to 1, by script, letters and stop words."""
    letters = _LETTER.findall(question)
    if not letters:
        return 1.0
    latin = sum(c.isascii() for c in letters) / len(letters)
    if latin < 0.5:
        return 0.0
    words = [m[0] for m in re.finditer(r"[^\W\d_]+", question.casefold())]
    english = sum(word in ENGLISH for word in words)
    other = sum(word in OTHER_LANGUAGES for word in words)
    marks = any(not c.isascii() for c in letters) or any(c in "¿¡" for c in question)
    if other > english:
        return 0.0
    if other == english and marks:
        return 0.25
    return 1.0 if not marks or english else 0.5
