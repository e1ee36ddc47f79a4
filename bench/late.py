"""Late interaction: what it adds to a search, and what it takes. See docs/benchmarks.md."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from backends.base import Embeddings
from bench.documents import Corpus, drain, opened, row, written
from bench.rows import Row
from bot.config.knowledge import KnowledgeSettings
from bot.knowledge.retrieval.embedder import Embedder
from bot.knowledge.retrieval.evaluation import evaluate


async def rows(corpus: Corpus, embedder: Embedder, *, quick: bool) -> list[Row]:
    """Its time over XQuAD, and XQuAD without it."""
    times: list[float] = []

    async def timed(texts: Sequence[str]) -> Sequence[Embeddings]:
        assert embedder.embed_tokens is not None
        began = time.perf_counter()
        found = await embedder.embed_tokens(texts)
        times.append(1000 * (time.perf_counter() - began))
        return found

    asked = [golden for golden, _ in corpus.golden()][:: 10 if quick else 1]
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        folder = written(root / "paragraphs", dict(enumerate(corpus.paragraphs)))
        async with opened(root, replace(embedder, embed_tokens=timed)) as service:
            await drain(service.add(str(folder)))
            await evaluate(service, asked[::4])
        async with opened(root, embedder, KnowledgeSettings(late_interaction=False)) as service:
            without = await evaluate(service, asked)
    times.sort()
    p95 = times[int(0.95 * len(times))]
    return [
        Row("late interaction, best three passages, p50", times[len(times) // 2], "ms", "", None),
        row("late interaction, best three passages, p95", p95, "ms", 150, most=True),
        Row("XQuAD hit@1 without late interaction", round(without.hit_at_1, 4), "", "", None),
        Row("XQuAD nDCG@10 without late interaction", round(without.ndcg_at_10, 4), "", "", None),
    ]
