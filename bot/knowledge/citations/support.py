"""Citations that hold: none that points nowhere, and a look at whether each sentence is borne out.

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
from bot.knowledge.citations.claims import SMALL, Reading, read
from bot.knowledge.citations.number_check import misplaced
from bot.knowledge.citations.numbers import figures
from bot.knowledge.language.sentences import sentences, spans
from bot.knowledge.language.words import english_share, is_unspaced, stems

Similarities = Callable[[Sequence[str], Sequence[str]], Awaitable[Embeddings]]
"""How near each of the first texts is to each of the second (`Embedder.similarities`)."""

ENOUGH_WORDS = 0.6
"""Share of a sentence's words found, from which it needs no look at its meaning."""
SOME_WORDS = 0.3
"""Share below which nothing helps."""
SAME_MEANING = 0.6
"""Cosine of two sentences that mean about the same, on the default embedder's scale."""
_LEAST_WORDS = 3
_MOST_SENTENCES = 60
_MOST_COMPARED = 120
_TO_TELL = 2000

_CITED = re.compile(r"\[(\d{1,3})\]")
_LEADING = re.compile(r"((?:\[\d{1,3}\]\s*)*\[\d{1,3}\])\s*")
_FENCED = re.compile(r"(```|~~~).*?(\1|\Z)", re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_OPTION = re.compile(r"(?<![\w-])--?[A-Za-z][\w-]*")
_LIST_MARK = re.compile(r"^[^\S\n]*+(?:[-*+•]|\d{1,2}[.)])\s++", re.MULTILINE)
_HONEST = re.compile(
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
    near: Similarities | None = None,
    *,
    headings: Sequence[str] = (),
) -> tuple[Support, ...]:
    """Check every sentence that states something; `passages[0]` is what `[1]` cites, and
    `headings[0]`, where given, what stands above it.

    Questions, headings, code, very short sentences and those that say that something is not known
    are left out. Without `near`, or where it fails, words alone decide.
    """
    given = [
        _Given(text, headings[at] if at < len(headings) else "") for at, text in enumerate(passages)
    ]
    # numbers are looked up everywhere, which may take longer than others should wait
    found = await asyncio.to_thread(
        lambda: [_first_look(answer, a, b, given) for a, b in _statements(answer)]
    )
    doubtful = [
        at for at, one in enumerate(found) if not one.supported and one.overlap >= SOME_WORDS
    ]
    if near is not None and doubtful:
        with suppress(BackendError):  # without it the words have had their say
            await _second_look(found, doubtful[:_MOST_SENTENCES], passages, near)
    return tuple(found)


def _statements(answer: str) -> list[tuple[int, int]]:
    blank = _FENCED.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), answer)
    found = []
    for start, end in _with_citations(blank, spans(blank)):
        text = _CITED.sub("", blank[start:end]).strip()
        if text.endswith(("?", ":")) or text.startswith("#") or _HONEST.search(text):
            continue
        if len(_content(text)) >= _LEAST_WORDS:
            found.append((start, end))
    return found[:_MOST_SENTENCES]


def _with_citations(text: str, found: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """A citation after a full stop ("… at night. [1] Then …") belongs to the sentence before."""
    joined: list[tuple[int, int]] = []
    for start, end in found:
        leading = _LEADING.match(text, start, end)
        if leading is not None and joined and "\n" not in text[joined[-1][1] : start]:
            joined[-1] = (joined[-1][0], leading.end(1))
            start = leading.end()
        if text[start:end].strip():
            joined.append((start, end))
    return joined


def _content(text: str) -> frozenset[str]:
    """Stems of the words that carry meaning."""
    return frozenset(
        word for word in stems(_CITED.sub("", text)) - SMALL if len(word) > 1 or is_unspaced(word)
    )


class _Given:
    """A passage as it was given to the model, each way of reading it made once, when needed."""

    def __init__(self, text: str, heading: str) -> None:
        self.text = f"{heading}\n{text}" if heading else text
        self._source = text, heading

    @cached_property
    def stems(self) -> frozenset[str]:
        return stems(self.text)

    @cached_property
    def reading(self) -> Reading:
        return read(*self._source)


def _first_look(answer: str, start: int, end: int, passages: Sequence[_Given]) -> Support:
    text = answer[start:end]
    cited = tuple(
        dict.fromkeys(n for n in map(int, _CITED.findall(text)) if 1 <= n <= len(passages))
    )
    against = [passages[n - 1] for n in cited] or passages
    said = _LIST_MARK.sub("", _CITED.sub("", text))
    words = _content(text)
    overlap = len(words & frozenset().union(*(one.stems for one in against))) / len(words)
    readings = [one.reading for one in against]
    wrong = bool(misplaced(said, readings, across=bool(cited)) or _options(said, against))
    enough = overlap >= ENOUGH_WORDS or (bool(figures(said)) and _foreign(said, against))
    return Support(
        start,
        end,
        text,
        cited,
        supported=enough and not wrong,
        overlap=0.0 if wrong else round(overlap, 3),
    )


def _options(said: str, against: Sequence[_Given]) -> frozenset[str]:
    """Options of commands in the code of a sentence that the passages do not have."""
    written = {option for code in _CODE.findall(said) for option in _OPTION.findall(code)}
    if not written:
        return frozenset()
    return frozenset(written.difference(*(_OPTION.findall(one.text) for one in against)))


def _foreign(said: str, against: Sequence[_Given]) -> bool:
    """Whether a sentence is in another language than the passages, as far as can be told."""
    theirs = "\n".join(one.text for one in against)[:_TO_TELL]
    if _unspaced(said) != _unspaced(theirs):
        return True
    return (english_share(said) > 0.5) != (english_share(theirs) > 0.5)


def _unspaced(text: str) -> bool:
    letters = [c for c in text if c.isalpha()]
    return 2 * sum(map(is_unspaced, letters)) > len(letters)


async def _second_look(
    found: list[Support], doubtful: Sequence[int], passages: Sequence[str], near: Similarities
) -> None:
    """Compare the meaning of doubtful sentences with the passages' sentences."""
    parts = [sentences(passage) for passage in passages]
    owners = [n for n, part in enumerate(parts, 1) for _ in part][:_MOST_COMPARED]
    texts = [text for part in parts for text in part][:_MOST_COMPARED]
    if not texts:
        return
    asked = [_CITED.sub("", found[at].text) for at in doubtful]
    owner = np.array(owners)
    for row, at in zip(await near(asked, texts), doubtful, strict=True):
        one = found[at]
        mask = np.isin(owner, one.cited) if one.cited else np.ones(len(owner), dtype=bool)
        best = float(row[mask].max(initial=0.0))
        found[at] = Support(
            one.start,
            one.end,
            one.text,
            one.cited,
            supported=best >= SAME_MEANING,
            overlap=one.overlap,
            similarity=round(best, 3),
        )
