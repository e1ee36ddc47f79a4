"""Citations that hold: none that points nowhere, and a look at whether each sentence is borne out.

    citations = CitationFilter(len(passages))
    shown = citations.feed(delta)  # … and citations.finish() at the end
    checked = await check_support(answer, passages, embedder.similarities)
    doubtful = [one.text for one in checked if not one.supported]

A number that none of the passages has is the surest sign of an invention. Otherwise a sentence is
supported when most of its words stand in the passages it cites (in all of them, where it cites
none), or fewer do and one of their sentences means about the same.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from backends.base import Embeddings
from backends.errors import BackendError
from bot.knowledge.sentences import sentences, spans
from bot.knowledge.stopwords import STOP_WORDS
from bot.knowledge.words import is_unspaced, stems

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

_CITED = re.compile(r"\[(\d{1,3})\]")
_LEADING = re.compile(r"((?:\[\d{1,3}\]\s*)*\[\d{1,3}\])\s*")
_FENCED = re.compile(r"(```|~~~).*?(\1|\Z)", re.DOTALL)
_NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,:]\d+)*(?![\w])")
_LIST_MARK = re.compile(r"^\s*(?:[-*+•]|\d{1,2}[.)])\s+", re.MULTILINE)
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
    answer: str, passages: Sequence[str], near: Similarities | None = None
) -> tuple[Support, ...]:
    """Check every sentence that states something; `passages[0]` is what `[1]` cites.

    Questions, headings, code, very short sentences and those that say that something is not known
    are left out. Without `near`, or where it fails, words alone decide.
    """
    found = [_first_look(answer, a, b, passages) for a, b in _statements(answer)]
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
    small = stems(" ".join(STOP_WORDS))
    return frozenset(
        word for word in stems(_CITED.sub("", text)) - small if len(word) > 1 or is_unspaced(word)
    )


def _first_look(answer: str, start: int, end: int, passages: Sequence[str]) -> Support:
    text = answer[start:end]
    cited = tuple(
        dict.fromkeys(n for n in map(int, _CITED.findall(text)) if 1 <= n <= len(passages))
    )
    against = "\n".join(_against(cited, passages))
    words = _content(text)
    overlap = len(words & stems(against)) / len(words)
    numbers = set(_NUMBER.findall(_LIST_MARK.sub("", _CITED.sub("", text))))
    invented = bool(numbers - set(_NUMBER.findall(against)))
    return Support(
        start,
        end,
        text,
        cited,
        supported=overlap >= ENOUGH_WORDS and not invented,
        overlap=0.0 if invented else round(overlap, 3),
    )


def _against(cited: Sequence[int], passages: Sequence[str]) -> Sequence[str]:
    return [passages[n - 1] for n in cited] or passages


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
