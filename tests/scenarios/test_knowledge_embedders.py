"""An embedder whose vectors all point about one way finds and judges as the default one does."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backends.base import Embeddings
from backends.onnx.embedder import OnnxEmbedder
from bot.config.core import FetchSettings
from bot.knowledge.retrieval.calibration import DEFAULT_SCALE, measure_scale
from bot.knowledge.retrieval.embedder import Embedder, create_embedder
from bot.knowledge.retrieval.evaluation import load_golden
from bot.knowledge.service import KnowledgeService
from bot.storage.database import Database
from bot.values import SearchResult
from bot.web.fetch import Fetcher

ROOT = Path(__file__).parents[2]
QUESTIONS = [
    golden.question
    for golden in load_golden(ROOT / "tests" / "golden" / "parlance.yaml", half="test")
    if golden.question.isascii()
][::2]
_PULL = math.sqrt(3)
"""With this much of one direction in every vector, texts with a cosine of 0 have one of 0.75."""
_CLEAR = 0.1
"""A decision of the gate is clear where the confidence is so far from the threshold."""
_LEAD = 0.02
"""A first passage is clear where its score leads by so much. Vectors are kept in bytes, which are
coarser where one number is large: passages that are nearer than that may change places."""


class Pulled:
    """The default embedder, with every vector pulled towards one direction of its own. Remembers
    vectors, so that each text is computed once."""

    def __init__(self, model: OnnxEmbedder) -> None:
        self._model = model
        self._known: dict[str, Embeddings] = {}

    async def plain(self, texts: Sequence[str]) -> Embeddings:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known.update(zip(new, await self._model.embed(new), strict=True))
        rows: Embeddings = np.stack([self._known[text] for text in texts])
        return rows

    async def pulled(self, texts: Sequence[str]) -> Embeddings:
        rows = await self.plain(texts)
        pulled = np.hstack([rows, np.full((len(rows), 1), _PULL)])
        return np.asarray(pulled / math.hypot(1, _PULL), dtype=np.float32)


@asynccontextmanager
async def searched(root: Path, embedder: Embedder) -> AsyncIterator[KnowledgeService]:
    """Parlance's own pages, read with this embedder."""

    async def give(base: str) -> Embedder:
        return embedder

    database = await Database.open(root / f"{embedder.id}.db")
    service = KnowledgeService(
        database, root / embedder.id, embedder=give, fetcher=Fetcher(FetchSettings())
    )
    try:
        async for _ in service.add(str(ROOT / "docs")):
            pass
        yield service
    finally:
        await service.aclose()
        await database.close()


async def answers(root: Path, embedder: Embedder) -> list[SearchResult]:
    async with searched(root, embedder) as service:
        return [await service.search(question) for question in QUESTIONS]


def apart(found: Sequence[SearchResult], plain: Sequence[SearchResult]) -> tuple[int, int]:
    """How many clear first passages are other ones, and clear decisions turned round."""
    pairs = list(zip(found, plain, strict=True))
    leading = [(a, b) for a, b in pairs if b.passages[0].score - b.passages[1].score > _LEAD]
    assert len(leading) > 0.7 * len(pairs)
    first = sum(a.passages[0].text != b.passages[0].text for a, b in leading)
    clear = [(a, b) for a, b in pairs if abs(b.confidence - 0.5) > _CLEAR]
    assert len(clear) > 0.7 * len(pairs)
    return first, sum(a.evidence != b.evidence for a, b in clear)


@pytest.fixture
def vectors(embedder_model: OnnxEmbedder) -> Pulled:
    return Pulled(embedder_model)


async def test_high_cosines_change_neither_what_is_found_nor_what_counts_as_evidence(
    tmp_path: Path, embedder_model: OnnxEmbedder, vectors: Pulled
) -> None:
    default = replace(await create_embedder(embedder_model), id="default", embed=vectors.plain)
    scale = await measure_scale(vectors.pulled, vectors.pulled, english=True)
    assert scale.unrelated_cosine == pytest.approx(0.75, abs=0.02)
    shifted = replace(default, id="pulled", dimension=385, embed=vectors.pulled, scale=scale)
    as_they_are = replace(shifted, scale=DEFAULT_SCALE)  # the same vectors, read once

    assert len(QUESTIONS) > 40
    plain = await answers(tmp_path, default)
    first, turned = apart(await answers(tmp_path, shifted), plain)
    assert (first, turned) == (0, 0)

    first, turned = apart(await answers(tmp_path, as_they_are), plain)
    assert first > 0.1 * len(QUESTIONS)
    assert turned > 3
