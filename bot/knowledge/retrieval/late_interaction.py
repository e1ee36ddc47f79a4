"""Late interaction: compares a question with the best passages token by token.

A sentence's vector says what the sentence is about. Whether each thing that is asked stands in the
passage is told better by the vectors of the tokens: every one of the question's is held against the
one of the passage that comes nearest to it, and the mean of these cosines is the score (ColBERT's,
with an embedder that was not trained for it).
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from backends.errors import BackendError
from bot.knowledge.retrieval.candidates import Candidate
from bot.knowledge.retrieval.embedder import Embedder

log = structlog.get_logger(__name__)

COMPARED_PASSAGES = 3
"""The best passages that are compared; eight order XQuAD no better and take three times as long."""
LATE_WEIGHT = 1.5
"""What a difference of 1 in the mean cosine counts beside a difference of 1 in the fused score."""


async def compare_tokens(
    question: str, found: list[Candidate], embedder_of: Mapping[str, Embedder]
) -> None:
    """Compares the first candidates with the question, and sets their `late` and their score.

    They are sorted again, and stay above the others. Nothing changes where their embedder gives no
    vectors of tokens, or fails.
    """
    head, rest = found[:COMPARED_PASSAGES], found[COMPARED_PASSAGES:]
    embedders = {embedder_of[candidate.row.base].id for candidate in head}
    embed_tokens = embedder_of[head[0].row.base].embed_tokens if head else None
    if embed_tokens is None or len(embedders) > 1:
        return
    try:
        asked, *given = await embed_tokens([question, *(candidate.text for candidate in head)])
    except BackendError as exc:
        log.warning("knowledge.embedder_failed", error=str(exc))
        return
    if not len(asked) or not all(len(tokens) for tokens in given):
        return
    cosines = [float((asked @ tokens.T).max(axis=1).mean()) for tokens in given]
    floor = rest[0].score if rest else 0.0
    for candidate, late in zip(head, cosines, strict=True):
        candidate.late = late
        moved = candidate.score + LATE_WEIGHT * (late - max(cosines))
        candidate.score = max(min(floor, candidate.score), moved)
    found.sort(key=lambda c: (-c.score, c.row.number))
