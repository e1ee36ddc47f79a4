"""From a question to passages: two indexes asked side by side, a second look, one score."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
import structlog

from backends.base import Embeddings
from backends.errors import BackendError
from bot.database import Database
from bot.knowledge import lexical
from bot.knowledge.chroma import ChromaIndex, collection_name
from bot.knowledge.embedder import Embedder
from bot.knowledge.evidence import Signs, confidence, coverage, rarity
from bot.knowledge.fusion import fuse, weights
from bot.knowledge.fusion import lexical as lexical_score
from bot.knowledge.question import Question, hits
from bot.knowledge.rows import BaseRow
from bot.knowledge.tables import bases, documents, passages
from bot.knowledge.vectors import restore
from bot.knowledge.words import english_share, stems, terms
from bot.skill import Passage, SearchResult

log = structlog.get_logger(__name__)

_CANDIDATES = 40
"""Passages that each index proposes."""
_LOOKS = 3
"""Times that the indexes are asked while documents change under the question."""
_COMMON = 2_000
"""From so many passages on, a word's exact frequency does not matter."""
_NEAREST = 3
_LOOKED_AT = 3
"""Best passages that the evidence may be spread over."""

_ROWS = sa.select(
    passages.c.number,
    passages.c.id,
    passages.c.base,
    passages.c.generation,
    passages.c.document,
    passages.c.position,
    passages.c.heading,
    passages.c.text,
    passages.c.vectors,
    documents.c.title,
    documents.c.location,
    documents.c.at,
).join(documents, documents.c.id == passages.c.document)


@dataclass(slots=True)
class _Candidate:
    row: Any
    lexical: float = 0.0
    sentence: float = 0.0
    whole: float = 0.0
    score: float = 0.0

    @property
    def text(self) -> str:
        """Everything that a word of the question may be found in."""
        return f"{self.row.title}\n{self.row.heading}\n{self.row.text}"


class Retriever:
    """Searches the passages of knowledge bases.

    `dense_weight` is the share of meaning in a score, `evidence` the confidence below which there
    is none (config.yaml, `knowledge`).
    """

    def __init__(
        self,
        database: Database,
        chroma: ChromaIndex,
        *,
        dense_weight: float = 0.6,
        evidence: float = 0.5,
    ) -> None:
        self._db = database
        self._chroma = chroma
        self._dense_weight = dense_weight
        self._evidence = evidence

    async def search(
        self, query: str, bases: Mapping[str, tuple[BaseRow, Embedder]], limit: int
    ) -> SearchResult:
        """The passages of these bases that answer best, and whether they do at all."""
        if not bases or not query.strip():
            return SearchResult((), evidence=False)
        words = terms(query)
        vectors, (question, lexically) = await asyncio.gather(
            self._embed(query, bases), self._lexical(query, words, bases)
        )
        lexically, found = await self._candidates(question, lexically, vectors, bases)
        for candidate in found:
            candidate.lexical = lexically.get(candidate.row.number, 0.0)
            _, embedder = bases[candidate.row.base]
            vector = vectors.get(embedder.id)
            if vector is not None:
                rows = restore(candidate.row.vectors, embedder.dimension) @ vector
                candidate.whole = float(rows[0])
                candidate.sentence = float(rows.max())
        trust = question.trust([embedder for _, embedder in bases.values()]) if vectors else 0.0
        self._score(found, question, trust if vectors else 0.0, dense=bool(vectors))
        found.sort(key=lambda c: (-c.score, c.row.number))
        sure = confidence(_signs(question, found, trust)) if found else 0.0
        best = found[:limit]
        around = await self._around(best)
        return SearchResult(
            tuple(_passage(candidate, around) for candidate in best),
            evidence=bool(question.words) and sure >= self._evidence,
            confidence=round(sure, 4),
            nearest=tuple(dict.fromkeys(str(c.row.title) for c in found))[:_NEAREST],
        )

    async def passage(self, ident: str) -> Passage | None:
        """A passage of a live generation by its id, with its neighbours."""
        live = (bases.c.name == passages.c.base) & (bases.c.generation == passages.c.generation)
        query = _ROWS.join(bases, live).where(passages.c.id == ident)
        async with self._db.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            return None
        candidate = _Candidate(row)
        return _passage(candidate, await self._around([candidate]))

    async def _candidates(
        self,
        question: Question,
        lexically: dict[int, float],
        vectors: Mapping[str, Embeddings],
        bases: Mapping[str, tuple[BaseRow, Embedder]],
    ) -> tuple[dict[int, float], list[_Candidate]]:
        """What both indexes propose.

        Documents may change between two looks: then the numbers of full text are gone when the
        rows are read, or many of Chroma's ids have no row yet, and it looks again.
        """
        limit = _CANDIDATES
        for look in range(_LOOKS):
            if look:
                _, lexically = await self._lexical(question.text, question.words, bases)
            nearest = await self._nearest(vectors, bases, limit)
            found = await self._load(set(lexically), nearest, bases)
            numbers = {candidate.row.number for candidate in found}
            visible = {candidate.row.id for candidate in found} & nearest
            if lexically.keys() <= numbers and len(visible) >= len(nearest) / 2:
                break
            limit = 4 * _CANDIDATES
        return lexically, found

    async def _embed(
        self, query: str, bases: Mapping[str, tuple[BaseRow, Embedder]]
    ) -> dict[str, Embeddings]:
        """The question's vector by embedder. Where one fails the words alone must do."""
        embedders = {embedder.id: embedder for _, embedder in bases.values()}
        found: dict[str, Embeddings] = {}
        for ident, embedder in embedders.items():
            try:
                found[ident] = (await embedder.embed([query]))[0]
            except BackendError as exc:
                log.warning("knowledge.embedder_failed", embedder=ident, error=str(exc))
        return found

    async def _lexical(
        self, query: str, words: list[str], bases: Mapping[str, object]
    ) -> tuple[Question, dict[int, float]]:
        async with self._db.read() as connection:
            total, counts = await lexical.frequencies(connection, words, _COMMON)
            telling = lexical.telling(counts, total)
            found = await lexical.find(connection, telling, list(bases), _CANDIDATES)
        weight = {word: rarity(min(count, total), total) for word, count in counts.items()}
        known = sum(count > 0 for count in counts.values()) / len(counts) if counts else 0.0
        return Question(query, words, weight, known, english_share(query)), found

    async def _nearest(
        self,
        vectors: Mapping[str, Embeddings],
        bases: Mapping[str, tuple[BaseRow, Embedder]],
        limit: int,
    ) -> set[str]:
        found: set[str] = set()
        for base, embedder in bases.values():
            vector = vectors.get(embedder.id)
            if vector is not None:
                name = collection_name(base.name, base.generation)
                found.update(i for i, _ in await self._chroma.query(name, vector, limit))
        return found

    async def _load(
        self,
        numbers: set[int],
        ids: set[str],
        bases: Mapping[str, tuple[BaseRow, Embedder]],
    ) -> list[_Candidate]:
        """The candidates' rows. An id that only Chroma has is passed over."""
        query = _ROWS.where(passages.c.number.in_(numbers) | passages.c.id.in_(ids))
        async with self._db.read() as connection:
            rows = (await connection.execute(query)).all()
        return [
            _Candidate(row)
            for row in rows
            if row.base in bases and row.generation == bases[row.base][0].generation
        ]

    def _score(
        self, found: list[_Candidate], question: Question, trust: float, *, dense: bool
    ) -> None:
        if not found:
            return
        share = weights(self._dense_weight, trust=trust, known=question.known if dense else 1.0)
        scores = fuse(
            share,
            np.array([c.sentence for c in found]),
            np.array([c.whole for c in found]),
            lexical_score(
                np.array([c.lexical for c in found]),
                lexical.exact_scores(question.words, question.weight, [c.text for c in found]),
            ),
        )
        for candidate, score in zip(found, scores, strict=True):
            candidate.score = float(score)

    async def _around(self, found: Sequence[_Candidate]) -> dict[tuple[str, int], str]:
        """The texts beside the passages found, by document and position."""
        if not found:
            return {}
        # Every column of the index by itself: SQLite does not use it for pairs of values.
        query = sa.select(passages.c.document, passages.c.position, passages.c.text).where(
            passages.c.document.in_({c.row.document for c in found}),
            passages.c.generation.in_({c.row.generation for c in found}),
            passages.c.position.in_({c.row.position + step for c in found for step in (-1, 1)}),
        )
        async with self._db.read() as connection:
            return {(d, p): text for d, p, text in await connection.execute(query)}


def _signs(question: Question, found: Sequence[_Candidate], trust: float) -> Signs:
    """What the evidence gate looks at; the best passages together may cover the question."""
    best = found[:_LOOKED_AT]
    words = [stems(c.text) for c in best]
    together = frozenset[str]().union(*words)
    covered = [coverage(question.weight, hits(question.words, each)) for each in words]
    covered.append(0.9 * coverage(question.weight, hits(question.words, together)))
    rarest = max(question.words, key=lambda word: question.weight[word], default="")
    tenth = found[min(9, len(found) - 1)]
    return Signs(
        coverage=max(covered),
        rarest=float(bool(rarest and hits([rarest], together))),
        similarity=max(c.sentence for c in best),
        margin=found[0].score - tenth.score,
        trust=trust,
        unspaced=trust < 1.0 and question.unspaced,
    )


def _passage(candidate: _Candidate, around: Mapping[tuple[str, int], str]) -> Passage:
    row = candidate.row
    before = around.get((row.document, row.position - 1), "")
    after = around.get((row.document, row.position + 1), "")
    return Passage(
        id=row.id,
        document=row.document,
        title=row.title,
        location=row.location,
        heading=row.heading,
        text=row.text,
        score=round(candidate.score, 4),
        dense=round(candidate.sentence, 4),
        lexical=round(candidate.lexical, 4),
        context="\n\n".join(part for part in (before, row.text, after) if part),
        at=datetime.fromtimestamp(row.at, UTC),
        base=row.base,
    )
