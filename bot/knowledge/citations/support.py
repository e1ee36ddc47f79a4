"""Finds what an answer says that no source has: figures, names, and options of commands.

    checked = await check_support(answer, [passage.text for passage in passages])
    missing = [words for one in checked for words in one.unknown]

Only what is certain is told. Whether a sentence follows from passages that have all its words, only
a reader can say (`bot.answering.reader`).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from bot.knowledge.citations.numbers import Figure, find_figures
from bot.knowledge.language.sentences import sentence_spans
from bot.knowledge.language.stopwords import STOP_WORDS
from bot.knowledge.language.units import MONTH_NUMBERS
from bot.knowledge.language.words import extract_stems, is_unspaced

BORNE_OUT_SHARE = 0.6
"""The share of a sentence's words from which a passage is taken for the one that it is from."""
_MIN_STATEMENT_WORDS = 3
_MAX_SENTENCES = 60
_MAX_UNKNOWN_WORDS = 5
"""The most words of one sentence that are told."""
_MAX_CAPITAL_SHARE = 0.2
"""Share of a text's words within sentences that begin with a capital, up to which it writes names
alone so; in German every noun is, and there a capital tells nothing."""
_MIN_SHARED_SHARE = 0.15
"""A sentence that shares fewer words with the passages is in another language, where names are
written otherwise, too."""
_MIN_NAME_CHARACTERS = 3
_INFLECTION_CHARACTERS = 3
"""Letters at the end in which two forms of one name may differ."""

_CITED = re.compile(r"\[(\d{1,3})\]")
_SPACED_CITATION = re.compile(r"\s?\[\d{1,3}\]")
_LEADING_CITATIONS = re.compile(r"((?:\[\d{1,3}\]\s*)*\[\d{1,3}\])\s*")
_FENCED = re.compile(r"(```|~~~).*?(\1|\Z)", re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_PLACEHOLDER = re.compile(r"<[^<>\n]*>|\.{3}|…|\b[A-Z][A-Z_]+\b")
_CODE_WORD = re.compile(r"[^\s,;()\[\]{}\"']+")
_LIST_MARK = re.compile(r"^[^\S\n]*+(?:[-*+•]|\d{1,2}[.)])\s++", re.MULTILINE)
_WORD = re.compile(r"[^\W\d_][\w'’-]*")
_NEXT_WORD = re.compile(r"[\s-]?[^\W\d_]")
_INNER_CAPITAL = re.compile(r"[a-z][A-Z]|[A-Z]{2}|\d")
STOP_STEMS = extract_stems(" ".join(STOP_WORDS))
"""The stems of stop words."""


@dataclass(frozen=True, slots=True)
class Support:
    """One sentence of an answer: where it stands in the text, what it cites, and the figures, names
    and options in it that no passage has. `overlap` is the share of its words that the passages
    have which it cites, all of them where it cites none."""

    start: int
    end: int
    text: str = field(repr=False)
    cited: tuple[int, ...]
    unknown: tuple[str, ...] = ()
    overlap: float = 0.0

    @property
    def statement(self) -> str:
        """The sentence without citations and marks of lists, in one line."""
        return " ".join(_SPACED_CITATION.sub("", _LIST_MARK.sub("", self.text)).split())

    @property
    def supported(self) -> bool:
        """Whether nothing in it is certain to be missing in the passages."""
        return not self.unknown

    @property
    def borne_out(self) -> bool:
        """Whether most of its words stand in the passages, too."""
        return self.supported and self.overlap >= BORNE_OUT_SHARE


async def check_support(
    answer: str, passages: Sequence[str], *, headings: Sequence[str] = ()
) -> tuple[Support, ...]:
    """Checks every sentence that states something; `passages[0]` is what `[1]` cites, and
    `headings[0]`, if given, is the heading above it. Questions, headings, blocks of code and very
    short sentences are left out."""
    given = [
        _Source(f"{headings[at]}\n{text}" if at < len(headings) else text)
        for at, text in enumerate(passages)
    ]
    return await asyncio.to_thread(
        lambda: tuple(_check(answer, a, b, given) for a, b in _find_statements(answer))
    )


def _find_statements(answer: str) -> list[tuple[int, int]]:
    blank = _FENCED.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), answer)
    found = []
    for start, end in _attach_citations(blank, sentence_spans(blank)):
        text = _CITED.sub("", blank[start:end]).strip()
        if text.endswith(("?", ":", "？", "：")) or text.startswith("#"):
            continue
        if len(_content_stems(text)) >= _MIN_STATEMENT_WORDS:
            found.append((start, end))
    return found[:_MAX_SENTENCES]


def _attach_citations(text: str, found: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """A citation after a full stop ("… at night. [1] Then …") belongs to the sentence before."""
    joined: list[tuple[int, int]] = []
    for start, end in found:
        leading = _LEADING_CITATIONS.match(text, start, end)
        if leading is not None and joined and "\n" not in text[joined[-1][1] : start]:
            joined[-1] = (joined[-1][0], leading.end(1))
            start = leading.end()
        if text[start:end].strip():
            joined.append((start, end))
    return joined


def _content_stems(text: str) -> frozenset[str]:
    """Returns the stems of the words that carry meaning."""
    return frozenset(
        word
        for word in extract_stems(_CITED.sub("", text)) - STOP_STEMS
        if len(word) > 1 or is_unspaced(word)
    )


class _Source:
    """A passage with its headings, each way of reading it made once, when needed."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def stems(self) -> frozenset[str]:
        return extract_stems(self.text)

    @cached_property
    def figures(self) -> Sequence[Figure]:
        return find_figures(self.text, spelled=True)

    @cached_property
    def words(self) -> frozenset[str]:
        return frozenset(word.casefold() for word in _WORD.findall(self.text))


def _check(answer: str, start: int, end: int, given: Sequence[_Source]) -> Support:
    text = answer[start:end]
    cited = tuple(dict.fromkeys(n for n in map(int, _CITED.findall(text)) if 1 <= n <= len(given)))
    against = [given[n - 1] for n in cited] or given
    stems = _content_stems(text)
    said = _LIST_MARK.sub("", _CITED.sub("", text))
    shared = len(stems & _union(given)) / len(stems)
    unknown = [*_unknown_figures(said, given), *_unknown_code(said, given)]
    if shared >= _MIN_SHARED_SHARE:
        unknown += _unknown_names(_CODE.sub(" ", said), given)
    return Support(
        start,
        end,
        text,
        cited,
        tuple(dict.fromkeys(unknown))[:_MAX_UNKNOWN_WORDS],
        round(len(stems & _union(against)) / len(stems), 3),
    )


def _union(sources: Sequence[_Source]) -> frozenset[str]:
    return frozenset[str]().union(*(one.stems for one in sources))


def _unknown_figures(said: str, given: Sequence[_Source]) -> Iterator[str]:
    """Figures, and numbers in words that have a unit, but for "one", which is often no number."""
    for one in find_figures(said, spelled=True):
        if one.sort == "mark":
            continue
        if one.sort == "spelled" and (not one.unit or "1" in one.readings):
            continue
        if not any(_has_figure(source, one) for source in given):
            yield said[one.start : one.end].strip()


def _has_figure(source: _Source, one: Figure) -> bool:
    """Whether a passage has a figure, with its unit if it has one; in a cell the unit may stand in
    the header."""
    return any(
        one.same(other)
        and (not one.unit or bool(other.unit) or not _NEXT_WORD.match(source.text, other.end))
        for other in source.figures
    )


def _unknown_code(said: str, given: Sequence[_Source]) -> Iterator[str]:
    """Words in code, such as options and paths; what stands for something else is left out."""
    for code in _CODE.findall(said):
        for word in _CODE_WORD.findall(_PLACEHOLDER.sub(" ", code)):
            word = word.strip(".:")
            if len(word) > 1 and not word.isdigit() and not any(word in s.text for s in given):
                yield word


def _unknown_names(said: str, given: Sequence[_Source]) -> Iterator[str]:
    """Words within a sentence that are written as names are, and in no passage in any form."""
    told_by_capital = _capital_share("\n".join(one.text for one in given)) <= _MAX_CAPITAL_SHARE
    for word in _inner_words(said):
        if len(word) < _MIN_NAME_CHARACTERS or word.casefold() in MONTH_NUMBERS:
            continue
        named = (word[0].isupper() and told_by_capital) or bool(_INNER_CAPITAL.search(word))
        if named and not any(_has_form(one.words, word.casefold()) for one in given):
            yield word


def _inner_words(text: str) -> Iterator[str]:
    """The words that no sentence, quotation or item begins with."""
    for word in _WORD.finditer(text):
        before = text[: word.start()].rstrip(" \t*_")[-1:]
        if before and (before.isalnum() or before in ",;)"):
            yield word[0]


def _capital_share(text: str) -> float:
    words = [word for word in _inner_words(text) if len(word) >= _MIN_NAME_CHARACTERS]
    return sum(word[0].isupper() for word in words) / len(words) if words else 0.0


def _has_form(words: frozenset[str], name: str) -> bool:
    if name in words:
        return True
    kept = max(_MIN_NAME_CHARACTERS + 1, len(name) - _INFLECTION_CHARACTERS)
    beginning = name[:kept]
    return any(
        word.startswith(beginning) and abs(len(word) - len(name)) <= _INFLECTION_CHARACTERS
        for word in words
    )
