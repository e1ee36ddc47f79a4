"""Searches passages: asks both indexes, scores the candidates, and judges the evidence."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from backends.base import Embeddings
from backends.errors import BackendError
from bot.errors import StorageError
from bot.knowledge.index import full_text
from bot.knowledge.index.chroma import ChromaIndex, collection_name
from bot.knowledge.index.chroma_store import VectorsUnavailable
from bot.knowledge.index.full_text_home import FullText
from bot.knowledge.index.rows import BaseRow
from bot.knowledge.index.tables import bases, documents, passages
from bot.knowledge.language.detection import find_language
from bot.knowledge.language.words import extract_terms
from bot.knowledge.retrieval.candidates import (
    Candidate,
    Query,
    collect_signs,
    score_candidates,
    to_passage,
)
from bot.knowledge.retrieval.embedder import Embedder
from bot.knowledge.retrieval.evidence import confidence, rarity, relatedness
from bot.knowledge.retrieval.late_interaction import compare_tokens
from bot.knowledge.retrieval.query import Question, Wording
from bot.knowledge.retrieval.reranking import Reranker
from bot.knowledge.retrieval.smalltalk import SmallTalk, find_lead
from bot.storage.database import Database
from bot.values import Passage, SearchResult

log = structlog.get_logger(__name__)

_INDEX_CANDIDATES = 40
"""The number of passages that each index proposes."""
_MAX_ATTEMPTS = 3
"""How often the indexes are searched if documents change meanwhile."""
_MAX_COUNTED_PASSAGES = 2_000
"""Word frequencies are counted up to this number of passages."""
_MAX_NEAREST_TITLES = 3
_MIN_SCORE_SHARE = 0.3
"""A passage is shown if its score is at least this share of the best one's."""
_MAX_READ_PASSAGES = 30
"""The most passages that a model reads, whatever their scores."""

_PASSAGE_ROWS = sa.select(
    passages.c.number,
    passages.c.id,
    passages.c.base,
    passages.c.generation,
    passages.c.document,
    passages.c.position,
    passages.c.heading,
    passages.c.text,
    passages.c.vectors,
    passages.c.page,
    passages.c.slide,
    passages.c.sheet,
    passages.c.sheet_row,
    documents.c.title,
    documents.c.location,
    documents.c.source,
    documents.c.at,
).join(documents, documents.c.id == passages.c.document)

Bases = Mapping[str, tuple[BaseRow, Embedder]]
"""The knowledge bases to search, by name, with the embedder of each."""


class Retriever:
    """Searches the passages of knowledge bases.

    `dense_weight` is the share of meaning in a score, `evidence` the confidence from which a
    question is answered, `related` that from which passages count as being about its subject, and
    with `late_interaction` the best passages are compared token by token (config.yaml,
    `knowledge`). `reranker` reads the best passages once more, and decides.
    """

    def __init__(
        self,
        database: Database,
        chroma: ChromaIndex,
        full_text: FullText,
        *,
        dense_weight: float = 0.6,
        evidence: float = 0.5,
        related: float = 0.5,
        late_interaction: bool = True,
        reranker: Reranker | None = None,
    ) -> None:
        self._db = database
        self._chroma = chroma
        self._full_text = full_text
        self._dense_weight = dense_weight
        self._evidence = evidence
        self._related = related
        self._late_interaction = late_interaction
        self._reranker = reranker
        self._smalltalk = SmallTalk()

    async def search(self, wordings: Sequence[Wording], bases: Bases, limit: int) -> SearchResult:
        """Returns the best passages of these bases, and whether they are evidence.

        All wordings have a part in the order, by their weight; the first alone is judged.
        """
        wordings = [one for one in wordings if one.searched]
        if not bases or not wordings:
            return SearchResult((), evidence=False)
        vectors, queries = await asyncio.gather(
            self._embed([one.searched for one in wordings], bases),
            self._lexical(wordings, bases),
        )
        for one, found_by in zip(queries, vectors, strict=True):
            one.vectors = found_by
        found = await self._candidates(wordings, queries, bases)
        embedders = [embedder for _, embedder in bases.values()]
        trust = [one.question.trust(embedders) if one.vectors else 0.0 for one in queries]
        embedder_of = {name: embedder for name, (_, embedder) in bases.items()}
        score_candidates(
            found,
            queries,
            embedder_of=embedder_of,
            dense=self._dense_weight,
            trust=trust,
        )
        found.sort(key=lambda c: (-c.score, c.row.number))
        question = queries[0].question
        sure = about = 0.0
        if found:
            if self._late_interaction and trust[0] == 1.0:
                await compare_tokens(question.text, found, embedder_of)
            talk = await self._talk(wordings, queries, embedders)
            signs = collect_signs(question, found, trust[0], talk)
            sure, about = confidence(signs), relatedness(signs)
            judged = await self._reranker.judge(question.text, found) if self._reranker else None
            sure, about = judged or (sure, about)
        floor = _MIN_SCORE_SHARE * found[0].score if found else 0.0
        best = [one for one in found[:limit] if one.score >= floor]
        further = found[len(best) : _MAX_READ_PASSAGES]
        around = await self._neighbour_texts(best)
        return SearchResult(
            tuple(to_passage(candidate, around) for candidate in best),
            evidence=bool(question.words) and sure >= self._evidence,
            related=bool(question.words) and about >= self._related,
            confidence=round(sure, 4),
            relatedness=round(about, 4),
            language=question.language,
            nearest=tuple(dict.fromkeys(str(c.row.title) for c in found))[:_MAX_NEAREST_TITLES],
            further=tuple(to_passage(candidate, around) for candidate in further),
        )

    async def _talk(
        self, wordings: Sequence[Wording], queries: Sequence[Query], embedders: Sequence[Embedder]
    ) -> float:
        """Returns how much the nearest sentence lacks of being clearly nearer than small talk is to
        the message itself, without earlier ones."""
        said = wordings[0].text
        own = [one for one, put in zip(queries, wordings, strict=True) if put.searched == said]
        message = (own or queries)[0]
        if not message.vectors:
            return 0.0
        try:
            near = await self._smalltalk.nearness(message.vectors, embedders)
        except BackendError as exc:
            log.warning("knowledge.embedder_failed", error=str(exc))
            return 0.0
        return max(0.0, near + find_lead(wordings[0], message.question.language) - message.nearest)

    async def passage(self, ident: str) -> Passage | None:
        """Returns a passage of a live generation by its id, with its neighbours, or None."""
        live = (bases.c.name == passages.c.base) & (bases.c.generation == passages.c.generation)
        query = _PASSAGE_ROWS.join(bases, live).where(passages.c.id == ident)
        async with self._db.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            return None
        candidate = Candidate(row)
        return to_passage(candidate, await self._neighbour_texts([candidate]))

    async def _candidates(
        self, wordings: Sequence[Wording], queries: list[Query], bases: Bases
    ) -> list[Candidate]:
        """Returns what both indexes propose for any wording; may renew `Query.found`.

        Documents may change between two looks: then the numbers of full text are gone when the
        rows are read, or many of Chroma's ids have no row yet, and it looks again.
        """
        limit = _INDEX_CANDIDATES
        found: list[Candidate] = []
        for attempt in range(_MAX_ATTEMPTS):
            if attempt:
                again = await self._lexical(wordings, bases, again=True)
                for one, new in zip(queries, again, strict=True):
                    one.found = new.found
            numbers = {number for one in queries for number in one.found}
            nearest = await self._nearest([one.vectors for one in queries], bases, limit)
            found = await self._load(numbers, nearest, bases)
            visible = {candidate.row.id for candidate in found} & nearest
            loaded = {candidate.row.number for candidate in found}
            if numbers <= loaded and len(visible) >= len(nearest) / 2:
                break
            limit = 4 * _INDEX_CANDIDATES
        return found

    async def _embed(self, texts: list[str], bases: Bases) -> list[dict[str, Embeddings]]:
        """Returns the vectors of each text by embedder id; an embedder that fails is left out."""
        embedders = {embedder.id: embedder for _, embedder in bases.values()}
        found: list[dict[str, Embeddings]] = [{} for _ in texts]
        for ident, embedder in embedders.items():
            try:
                rows = await embedder.embed_query(texts)
            except BackendError as exc:
                log.warning("knowledge.embedder_failed", embedder=ident, error=str(exc))
                continue
            for vectors, row in zip(found, rows, strict=True):
                vectors[ident] = row
        return found

    async def _lexical(
        self, wordings: Sequence[Wording], bases: Bases, *, again: bool = False
    ) -> list[Query]:
        languages = await asyncio.to_thread(
            lambda: [find_language(one.searched) for one in wordings]
        )

        async def find(connection: AsyncConnection) -> list[Query]:
            queries = []
            for one, language in zip(wordings, languages, strict=True):
                words = extract_terms(one.searched, language)
                known = await full_text.count_frequencies(
                    connection, words, list(bases), _MAX_COUNTED_PASSAGES, language
                )
                overall = full_text.combine_frequencies(known, words, _MAX_COUNTED_PASSAGES)
                total, counts = overall.passages, overall.words
                wanted = full_text.select_words(counts, _INDEX_CANDIDATES, language)
                found = await full_text.find_passages(
                    connection, wanted, known, overall, _INDEX_CANDIDATES
                )
                share = one.shares(words, language)
                weight = {
                    word: share[word] * rarity(min(count, total), total)
                    for word, count in counts.items()
                }
                occur = sum(count > 0 for count in counts.values()) / (len(counts) or 1)
                question = Question(one.searched, words, weight, occur, language)
                queries.append(Query(question, one.weight, found))
            return queries

        return await self._full_text.ask([row for row, _ in bases.values()], find, again=again)

    async def _nearest(
        self, vectors: Sequence[Mapping[str, Embeddings]], bases: Bases, limit: int
    ) -> set[str]:
        """Returns the ids that Chroma proposes; none if Chroma fails."""
        found: set[str] = set()
        try:
            for base, embedder in bases.values():
                name = collection_name(base.name, base.generation)
                for by_embedder in vectors:
                    if embedder.id in by_embedder:
                        near = await self._chroma.query(name, by_embedder[embedder.id], limit)
                        found.update(ident for ident, _ in near)
        except VectorsUnavailable:
            pass  # the index has said so, once
        except StorageError as exc:
            log.warning("knowledge.vector_search_failed", reason=str(exc))
        return found

    async def _load(
        self,
        numbers: set[int],
        ids: set[str],
        bases: Bases,
    ) -> list[Candidate]:
        """Loads the candidates from the database; ids that only Chroma has are ignored."""
        query = _PASSAGE_ROWS.where(passages.c.number.in_(numbers) | passages.c.id.in_(ids))
        async with self._db.read() as connection:
            rows = (await connection.execute(query)).all()
        return [
            Candidate(row)
            for row in rows
            if row.base in bases and row.generation == bases[row.base][0].generation
        ]

    async def _neighbour_texts(self, found: Sequence[Candidate]) -> dict[tuple[str, int], str]:
        """Returns the texts next to the passages found, by document and position."""
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
