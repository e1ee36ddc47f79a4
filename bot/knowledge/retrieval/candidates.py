"""Scores the candidate passages that the indexes propose for a question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from backends.arrays import np
from backends.base import Embeddings
from bot.knowledge.index import full_text
from bot.knowledge.index.quantized_vectors import dequantise
from bot.knowledge.language.words import extract_stems
from bot.knowledge.retrieval.embedder import Embedder
from bot.knowledge.retrieval.evidence import MAX_MARGIN, UNKNOWN_MARGIN, EvidenceSigns, coverage
from bot.knowledge.retrieval.fusion import Scores, compute_weights, fuse_scores
from bot.knowledge.retrieval.fusion import fuse_lexical_scores as lexical_score
from bot.knowledge.retrieval.query import Question
from bot.types import Place
from bot.values import Passage

_EVIDENCE_PASSAGES = 3
"""The number of best passages that together may be evidence."""
_RERANKED_SHARE = 0.7
"""Part of a reranked passage's score that the reranker has; the fused score has the rest."""


@dataclass(slots=True)
class Query:
    """One wording of a question, with its weight and what full text found for it.

    `found` has the full text score by passage number, `vectors` the wording's vector by embedder
    id, `nearest` is its cosine with the sentence that is nearest to it.
    """

    question: Question
    weight: float
    found: dict[int, float]
    vectors: Mapping[str, Embeddings] = field(default_factory=dict, repr=False)
    nearest: float = 0.0


@dataclass(slots=True)
class Candidate:
    """A passage that may answer. `lexical` and `sentence` are for the first wording, `score` is for
    all of them."""

    row: Any
    lexical: float = 0.0
    sentence: float = 0.0
    score: float = 0.0
    late: float | None = None
    """Mean cosine of the question's tokens with its nearest ones, where that was computed."""
    reranked: float | None = None
    """What a reranker gave it, on its own scale."""
    near: tuple[float, ...] = ()
    """Cosines of the question with its sentences, as the default embedder would have them."""

    @property
    def text(self) -> str:
        """The text that words of the question are looked for in: title, heading and text."""
        return f"{self.row.title}\n{self.row.heading}\n{self.row.text}"


def score_candidates(
    found: Sequence[Candidate],
    queries: Sequence[Query],
    *,
    embedder_of: Mapping[str, Embedder],
    dense: float,
    trust: Sequence[float],
) -> None:
    """Computes the score of each candidate over all wordings, by their weight.

    `embedder_of` gives the embedder by knowledge base, `trust` how well it knows each wording's
    language (`Question.trust`), `dense` the share of meaning.
    """
    kept = [dequantise(c.row.vectors, embedder_of[c.row.base].dimension) for c in found]
    texts = [candidate.text for candidate in found]
    total = np.zeros(len(found))
    for at, (one, trusted) in enumerate(zip(queries, trust, strict=True)):
        cosines = _candidate_cosines(found, one, kept, embedder_of)
        sentence = np.array([near.max() for near in cosines])
        one.nearest = float(sentence.max(initial=0.0))
        whole = np.array([near[0] for near in cosines])
        stemmed = np.array([one.found.get(c.row.number, 0.0) for c in found])
        question = one.question
        share = compute_weights(dense, trust=trusted, known=question.known if one.vectors else 1.0)
        exact = full_text.score_exact_words(question.words, question.weight, texts)
        total += one.weight * fuse_scores(share, sentence, whole, lexical_score(stemmed, exact))
        if at == 0:
            for candidate, near, words in zip(found, cosines, stemmed, strict=True):
                candidate.sentence, candidate.lexical = float(near.max()), float(words)
                candidate.near = tuple(near[1:].tolist())
    total /= sum(one.weight for one in queries)
    for candidate, value in zip(found, total, strict=True):
        candidate.score = float(value)


def _candidate_cosines(
    found: Sequence[Candidate],
    query: Query,
    kept: Sequence[Embeddings],
    embedder_of: Mapping[str, Embedder],
) -> list[Scores]:
    """For each candidate the cosines with the whole of it and then with its sentences, as the
    default embedder would have them."""
    cosines = [np.zeros(1)] * len(found)
    for at, (candidate, rows) in enumerate(zip(found, kept, strict=True)):
        embedder = embedder_of[candidate.row.base]
        vector = query.vectors.get(embedder.id)
        if vector is not None:
            cosines[at] = embedder.scale(np.asarray(rows @ vector, dtype=np.float64))
    return cosines


def mix_reranked_scores(found: Sequence[Candidate], reranked: Sequence[float]) -> None:
    """Mix a reranker's scores, any scale, into those of the first candidates, which stay above
    the others."""
    scores = np.asarray(reranked, dtype=np.float64)
    head, rest = found[: len(scores)], found[len(scores) :]
    spread = np.ptp(scores)
    if not spread > 0.0:
        return
    floor = rest[0].score if rest else 0.0
    fused = np.array([candidate.score for candidate in head])
    ceiling = max(float(fused.max()), floor + 1e-6)
    mixed = (1 - _RERANKED_SHARE) * (fused - floor) / (ceiling - floor)
    mixed += _RERANKED_SHARE * (scores - scores.min()) / spread
    for candidate, value in zip(head, mixed, strict=True):
        candidate.score = floor + (ceiling - floor) * float(value)


def collect_signs(
    question: Question, found: Sequence[Candidate], trust: float, talk: float
) -> EvidenceSigns:
    """Collects what the evidence gate needs; several passages together may cover the question.

    `talk` is the sign of that name.
    """
    best = found[:_EVIDENCE_PASSAGES]
    words = [extract_stems(c.text, question.language) for c in best]
    together = frozenset[str]().union(*words)
    covered = [coverage(question.weight, question.find_hits(each)) for each in words]
    covered.append(0.9 * coverage(question.weight, question.find_hits(together)))
    similarity = max(0.0, *(c.sentence for c in best))
    late = [candidate.late for candidate in best if candidate.late is not None]
    return EvidenceSigns(
        coverage=max(covered),
        similarity=similarity,
        late=max(late, default=None),
        margin=_margin(found),
        trust=trust,
        talk=talk,
        unspaced=trust < 1.0 and question.unspaced,
    )


def _margin(found: Sequence[Candidate]) -> float:
    """Returns how far the best passage stands out from the next one of another text."""
    best = found[0]
    others = (one.score for one in found[1:] if one.row.text != best.row.text)
    return min(MAX_MARGIN, best.score - max(others, default=best.score - UNKNOWN_MARGIN))


def to_passage(candidate: Candidate, around: Mapping[tuple[str, int], str]) -> Passage:
    """Converts a candidate to a `Passage`; `around` has the texts by document and position."""
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
        near=tuple(round(value, 4) for value in candidate.near),
        source=row.source,
        place=Place(row.page, row.slide, row.sheet, row.sheet_row),
        position=row.position,
        late=None if candidate.late is None else round(candidate.late, 4),
        reranked=None if candidate.reranked is None else round(candidate.reranked, 4),
    )
