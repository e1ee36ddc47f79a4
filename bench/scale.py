"""Ten thousand passages: how fast a search is, and what they take.

python -m bench.scale FOLDER    prints the memory of a process that has searched in it, in MB
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from backends.base import Embeddings
from bench.documents import ROOT, Corpus, drain, opened, real_embedder, row, written
from bench.rows import Row
from bot.knowledge.retrieval.embedder import Embedder

PASSAGES = 10_000


async def at_scale(corpus: Corpus, embedder: Embedder, *, quick: bool) -> list[Row]:
    """Ten thousand passages: how fast a search is, what they take, what a second look costs.

    Their vectors are made up (spread about real ones), since embedding them takes ten minutes; the
    questions' are real.
    """
    seeds = await embedder.embed([text[:400] for text in corpus.paragraphs[:64]])
    made_up = replace(embedder, embed=_around(seeds))
    texts = mixed(corpus, PASSAGES // 5 if quick else PASSAGES)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        folder = written(root / "docs", dict(enumerate(texts)))
        async with opened(root, made_up) as service:
            await drain(service.add(str(folder)))
        async with opened(root, embedder) as service:
            times = []
            for question, _ in corpus.questions[:: 20 if quick else 4]:
                began = time.perf_counter()
                await service.search(question)
                times.append(1000 * (time.perf_counter() - began))
            passages = sum(document.passages for document in await service.list())
        empty = root / "empty"
        empty.mkdir()
        memory = await asyncio.to_thread(lambda: _resident(root) - _resident(empty))
    times.sort()
    return [
        row(
            f"search at {passages:,} passages, embedding included, p95",
            times[int(0.95 * len(times))],
            "ms",
            40,
            most=True,
        ),
        row("memory per 10,000 passages", memory * 10_000 / passages, "MB", 60, most=True),
    ]


def _around(seeds: Embeddings) -> Callable[[Sequence[str]], Awaitable[Embeddings]]:
    chance = np.random.default_rng(7)

    async def embed(texts: Sequence[str]) -> Embeddings:
        rows = seeds[chance.integers(len(seeds), size=len(texts))]
        rows = rows + chance.normal(0, 0.05, rows.shape).astype(np.float32)
        unit: Embeddings = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        return unit

    return embed


def mixed(corpus: Corpus, count: int) -> list[str]:
    """Paragraphs of the corpus's sentences in new combinations, about as long as they are."""
    chance = random.Random(7)
    sentences = [s for text in corpus.paragraphs for s in text.split(". ") if len(s) > 20]
    return [". ".join(chance.sample(sentences, 4)) + "." for _ in range(count)]


def _resident(root: Path) -> float:
    """Resident memory of a process that has searched the documents in a folder, in MB."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.scale", str(root)],
        check=True,
        capture_output=True,
        cwd=ROOT,
    )
    return float(done.stdout)


async def _search_once(root: Path) -> None:
    import psutil

    async with real_embedder() as embedder, opened(root, embedder) as service:
        if not await service.list():
            async for _ in service.add_bytes("a.md", b"# A\n\nOne passage."):
                pass
        for question in ("Who won the game?", "What is the river called?", "When was it built?"):
            await service.search(question)
        sys.stdout.write(str(psutil.Process().memory_info().rss / 1024**2))


if __name__ == "__main__":
    asyncio.run(_search_once(Path(sys.argv[1])))
