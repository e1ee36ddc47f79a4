"""Checks whether the passages support each sentence of an answer.

    citations = CitationFilter(len(passages))
    shown = citations.feed(delta)  # … and citations.finish() at the end
    checked = await check_support(answer, passages, embedder.similarities)
    doubtful = [one.text for one in checked if not one.supported]

A number that none of the passages has, or has for something else, is the surest sign of an
invention, and so is an option of a command, like `-f` or `--force`. Otherwise a sentence is
supported when most of its words stand in the passages it cites (in all of them, where it cites
none), or fewer do and one of their sentences means about the same. One in another language than
they are shares few words with them: there the numbers decide.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from backends.base import Embeddings
from backends.errors import BackendError
from bot.knowledge.citations.claims import STOP_STEMS, PassageClaims, extract_claims
from bot.knowledge.citations.number_check import find_misplaced_figures
from bot.knowledge.citations.numbers import find_figures
from bot.knowledge.language.sentences import sentence_spans, split_sentences
from bot.knowledge.language.words import english_share, extract_stems, is_unspaced

Similarities = Callable[[Sequence[str], Sequence[str]], Awaitable[Embeddings]]
"""Returns the cosines of two lists of texts (`Embedder.similarities`)."""

SUFFICIENT_WORD_SHARE = 0.6
"""The share of a sentence's words found from which it is supported without embeddings."""
MIN_WORD_SHARE = 0.3
"""The share of words found below which a sentence is never supported."""
MIN_SIMILARITY = 0.6
"""The least cosine of sentences that mean the same, on the default embedder's scale."""
_MIN_STATEMENT_WORDS = 3
_MAX_SENTENCES = 60
_MAX_COMPARED_SENTENCES = 120
_LANGUAGE_SAMPLE_CHARACTERS = 2000

_CITED = re.compile(r"\[(\d{1,3})\]")
_LEADING_CITATIONS = re.compile(r"((?:\[\d{1,3}\]\s*)*\[\d{1,3}\])\s*")
_FENCED = re.compile(r"(```|~~~).*?(\1|\Z)", re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_OPTION = re.compile(r"(?<![\w-])--?[A-Za-z][\w-]*")
_LIST_MARK = re.compile(r"^[^\S\n]*+(?:[-*+•]|\d{1,2}[.)])\s++", re.MULTILINE)
_ADMISSION = re.compile(
    r"\b(?:do(?:es)? not|don't|doesn't|no|not|cannot|can't)\b.{0,40}"
    r"\b(?:know|say|mention|contain|find|found|information|documents?|passages?|sources?|context)\b",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Support:
    """One sentence of an answer: where it stands in the text, what it cites, whether the passages
    bear it out. `overlap` is the share of its words that they have, `similarity` the cosine of the
    nearest of their sentences (0 where it was not looked at)."""

    start: int
    end: int
    text: str = field(repr=False)
    cited: tuple[int, ...]
    supported: bool
    overlap: float = 0.0
    similarity: float = 0.0


async def check_support(
    answer: str,
    passages: Sequence[str],
    similarities: Similarities | None = None,
    *,
    headings: Sequence[str] = (),
) -> tuple[Support, ...]:
    """Checks every sentence that states something; `passages[0]` is what `[1]` cites, and
    `headings[0]`, if given, is the heading above it.

    Questions, headings, code, very short sentences and those that say that something is not known
    are left out. Without `near`, or where it fails, words alone decide.
    """
    given = [
        _GivenPassage(text, headings[at] if at < len(headings) else "")
        for at, text in enumerate(passages)
    ]
    # numbers are looked up everywhere, which may take longer than others should wait
    found = await asyncio.to_thread(
        lambda: [_check_words(answer, a, b, given) for a, b in _find_statements(answer)]
    )
    doubtful = [
        at for at, one in enumerate(found) if not one.supported and one.overlap >= MIN_WORD_SHARE
    ]
    if similarities is not None and doubtful:
        with suppress(BackendError):  # without it the words have had their say
            await _check_meaning(found, doubtful[:_MAX_SENTENCES], passages, similarities)
    return tuple(found)


def _find_statements(answer: str) -> list[tuple[int, int]]:
    blank = _FENCED.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), answer)
    found = []
    for start, end in _attach_citations(blank, sentence_spans(blank)):
        text = _CITED.sub("", blank[start:end]).strip()
        if text.endswith(("?", ":")) or text.startswith("#") or _ADMISSION.search(text):
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


class _GivenPassage:
    """A passage as it was given to the model, each way of reading it made once, when needed."""

    def __init__(self, text: str, heading: str) -> None:
        self.text = f"{heading}\n{text}" if heading else text
        self._source = text, heading

    @cached_property
    def stems(self) -> frozenset[str]:
        return extract_stems(self.text)

    @cached_property
    def reading(self) -> PassageClaims:
        return extract_claims(*self._source)


def _check_words(answer: str, start: int, end: int, passages: Sequence[_GivenPassage]) -> Support:
    text = answer[start:end]
    cited = tuple(
        dict.fromkeys(n for n in map(int, _CITED.findall(text)) if 1 <= n <= len(passages))
    )
    against = [passages[n - 1] for n in cited] or passages
    said = _LIST_MARK.sub("", _CITED.sub("", text))
    words = _content_stems(text)
    overlap = len(words & frozenset().union(*(one.stems for one in against))) / len(words)
    readings = [one.reading for one in against]
    wrong = bool(
        find_misplaced_figures(said, readings, across=bool(cited))
        or _find_unknown_options(said, against)
    )
    enough = overlap >= SUFFICIENT_WORD_SHARE or (
        bool(find_figures(said)) and _is_other_language(said, against)
    )
    return Support(
        start,
        end,
        text,
        cited,
        supported=enough and not wrong,
        overlap=0.0 if wrong else round(overlap, 3),
    )


def _find_unknown_options(said: str, against: Sequence[_GivenPassage]) -> frozenset[str]:
    """Returns the command options in a sentence's code that the passages do not have."""
    written = {option for code in _CODE.findall(said) for option in _OPTION.findall(code)}
    if not written:
        return frozenset()
    return frozenset(written.difference(*(_OPTION.findall(one.text) for one in against)))


def _is_other_language(said: str, against: Sequence[_GivenPassage]) -> bool:
    """Guesses whether a sentence is in another language than the passages."""
    theirs = "\n".join(one.text for one in against)[:_LANGUAGE_SAMPLE_CHARACTERS]
    if _is_mostly_unspaced(said) != _is_mostly_unspaced(theirs):
        return True
    return (english_share(said) > 0.5) != (english_share(theirs) > 0.5)


def _is_mostly_unspaced(text: str) -> bool:
    letters = [c for c in text if c.isalpha()]
    return 2 * sum(map(is_unspaced, letters)) > len(letters)


async def _check_meaning(
    found: list[Support],
    doubtful: Sequence[int],
    passages: Sequence[str],
    similarities: Similarities,
) -> None:
    """Compares the embeddings of doubtful sentences with those of the passages' sentences."""
    parts = [split_sentences(passage) for passage in passages]
    owners = [n for n, part in enumerate(parts, 1) for _ in part][:_MAX_COMPARED_SENTENCES]
    texts = [text for part in parts for text in part][:_MAX_COMPARED_SENTENCES]
    if not texts:
        return
    doubtful_texts = [_CITED.sub("", found[at].text) for at in doubtful]
    owner = np.array(owners)
    for row, at in zip(await similarities(doubtful_texts, texts), doubtful, strict=True):
        one = found[at]
        mask = np.isin(owner, one.cited) if one.cited else np.ones(len(owner), dtype=bool)
        best = float(row[mask].max(initial=0.0))
        found[at] = Support(
            one.start,
            one.end,
            one.text,
            one.cited,
            supported=best >= MIN_SIMILARITY,
            overlap=one.overlap,
            similarity=round(best, 3),
        )
