"""Measures search and abstention on questions with known answers (`parlance docs eval`).

measured = await evaluate(service, questions)
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Protocol

from bot.errors import UsageError
from bot.knowledge.citations.support import Support
from bot.knowledge.retrieval.golden import Golden
from bot.knowledge.retrieval.outcomes import Judged
from bot.types import Source
from bot.values import Passage, SearchResult

_RANKED_DOCUMENTS = 10
_SHOWN_PASSAGES = 4
"""The passages that a person is shown: quoted, or listed as sources."""
_SEARCHED_PASSAGES = 30
"""Passages that are looked at for ten documents."""


@dataclass(frozen=True, slots=True)
class Miss:
    """A question that went wrong: the first document was another one, or the gate was wrong."""

    question: str
    expected: tuple[str, ...]
    found: str
    evidence: bool
    confidence: float
    rank: int | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured. Rates are 0 to 1; the first four are over the answerable questions.

    Abstention is right where a question without an answer finds no evidence; its F1 weighs that
    against questions that had an answer and were turned away. Citation precision is the share of
    cited sentences that their passages bear out; None without a model.
    """

    questions: int
    answerable: int
    hit_at_1: float
    hit_at_4: float
    mrr_at_10: float
    ndcg_at_10: float
    abstention_precision: float
    abstention_recall: float
    abstention_f1: float
    citation_precision: float | None
    p50_ms: float
    p95_ms: float
    misses: tuple[Miss, ...] = field(default=(), repr=False)
    judged: tuple[Judged, ...] = field(default=(), repr=False)


class Searcher(Protocol):
    """What is measured; `KnowledgeService` is one."""

    async def search(
        self,
        query: str,
        *,
        bases: Sequence[str] | None = None,
        limit: int = 8,
        before: Sequence[str] = (),
    ) -> SearchResult: ...

    async def check_support(
        self, answer: str, passages: Sequence[Passage]
    ) -> tuple[Support, ...]: ...


Answer = Callable[[str, SearchResult], Awaitable[tuple[str, Sequence[Source]]]]
"""Asks a model; returns the answer, and the sources that it cites by their numbers."""
Read = Callable[[str, SearchResult], Awaitable[SearchResult]]
"""Has a model read what a search found, and judge it."""


async def evaluate(
    service: Searcher,
    questions: Sequence[Golden],
    *,
    bases: Sequence[str] | None = None,
    answer: Answer | None = None,
    read: Read | None = None,
) -> Evaluation:
    """Searches for every question and returns the measures. With `read` a model reads what was
    found, and what becomes of the question is its doing. Raises `UsageError` for none."""
    if not questions:
        raise UsageError("There is no question to evaluate.")
    await service.search(questions[0].question, bases=bases)  # loads what is loaded on first use
    ranks: list[int | None] = []
    gains: list[float] = []
    gate: list[tuple[bool, bool]] = []
    misses: list[Miss] = []
    times: list[float] = []
    cited: list[bool] = []
    judged: list[Judged] = []
    for golden in questions:
        began = time.perf_counter()
        result = await service.search(
            golden.question, bases=bases, limit=_SEARCHED_PASSAGES, before=golden.before
        )
        times.append(time.perf_counter() - began)
        ranking = _ranking(result.passages)
        rank = _rank(ranking, golden.documents)
        if read is not None:
            result = await read(golden.question, result)
        gate.append((not golden.documents, not result.evidence))
        if golden.documents:
            ranks.append(rank)
            gains.append(_ndcg(ranking, golden.documents))
        answerable = bool(golden.documents)
        shown = _rank(_shown(result), golden.documents) is not None
        judged.append(Judged(golden, result.outcome, shown, result.share))
        if result.evidence != answerable or (answerable and rank != 1):
            misses.append(_miss(golden, ranking, result, rank))
        if answer is not None and golden.documents and result.evidence:
            text, sources = await answer(golden.question, result)
            checked = await service.check_support(text, _by_number(sources))
            cited += [one.borne_out for one in checked if one.cited]
    precision, recall, f1 = _abstention(gate)
    times.sort()
    return Evaluation(
        questions=len(questions),
        answerable=len(ranks),
        hit_at_1=_share(rank == 1 for rank in ranks),
        hit_at_4=_share(rank is not None and rank <= 4 for rank in ranks),
        mrr_at_10=_mean(
            [1 / rank if rank and rank <= _RANKED_DOCUMENTS else 0.0 for rank in ranks]
        ),
        ndcg_at_10=_mean(gains),
        abstention_precision=precision,
        abstention_recall=recall,
        abstention_f1=f1,
        citation_precision=_share(cited) if cited else None,
        p50_ms=1000 * times[len(times) // 2],
        p95_ms=1000 * times[min(len(times) - 1, int(0.95 * len(times)))],
        misses=tuple(misses),
        judged=tuple(judged),
    )


def _shown(result: SearchResult) -> Sequence[Passage]:
    """Returns the passages that a person is shown: of those that a model pointed to, all."""
    if result.evidence and result.pointed:
        return [result.passages[one.number - 1] for one in result.pointed]
    return result.best_first().passages[:_SHOWN_PASSAGES]


def _by_number(sources: Sequence[Source]) -> list[Passage]:
    """Returns the passages of sources, `[1]` first; an empty one for a number that none has."""
    named = {one.number: one for one in sources}
    nothing = Source(0, "", "")
    given = [named.get(number, nothing) for number in range(1, max(named, default=0) + 1)]
    return [
        Passage("", one.document, one.title, one.location, one.heading, one.passage)
        for one in given
    ]


def _ranking(passages: Sequence[Passage]) -> list[Passage]:
    """Returns the best passage of each document, in order."""
    best: dict[str, Passage] = {}
    for passage in passages:
        best.setdefault(passage.document, passage)
    return list(best.values())[:_RANKED_DOCUMENTS]


def _matches(passage: Passage, name: str) -> bool:
    location = passage.location
    return name in (location, passage.title, passage.document, PurePosixPath(location).name) or (
        location.endswith("/" + name.lstrip("/"))
    )


def _rank(ranking: Sequence[Passage], names: Sequence[str]) -> int | None:
    for place, passage in enumerate(ranking, 1):
        if any(_matches(passage, name) for name in names):
            return place
    return None


def _ndcg(ranking: Sequence[Passage], names: Sequence[str]) -> float:
    gain = sum(
        1 / math.log2(place + 1)
        for place, passage in enumerate(ranking, 1)
        if any(_matches(passage, name) for name in names)
    )
    return gain / sum(1 / math.log2(n + 2) for n in range(min(len(names), _RANKED_DOCUMENTS)))


def _miss(
    golden: Golden, ranking: Sequence[Passage], result: SearchResult, rank: int | None
) -> Miss:
    first = ranking[0].location if ranking else ""
    return Miss(golden.question, golden.documents, first, result.evidence, result.confidence, rank)


def _abstention(gate: Sequence[tuple[bool, bool]]) -> tuple[float, float, float]:
    """Precision, recall and F1 of abstaining; each pair is (should, did)."""
    both = sum(should and did for should, did in gate)
    did = sum(did for _, did in gate)
    should = sum(should for should, _ in gate)
    precision = both / did if did else float(not should)
    recall = both / should if should else 1.0
    total = precision + recall
    return precision, recall, 2 * precision * recall / total if total else 0.0


def _share(flags: Any) -> float:
    return _mean([float(bool(flag)) for flag in flags])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
