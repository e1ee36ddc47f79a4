"""Searches among vectors in a folder of the bot, and in a Chroma server on the same machine."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from backends.base import Embeddings
from bench.rows import Row
from bot.knowledge.index.chroma import ChromaIndex
from bot.knowledge.index.chroma_folder import ChromaFolder
from bot.knowledge.index.chroma_server import ChromaServer
from bot.knowledge.index.chroma_store import ChromaStore
from tests.fakes.chroma_server import chroma_server

_VECTORS = 10_000
_DIMENSION = 384
_QUESTIONS = 400
_NEAREST = 40
_AT_ONCE = 200
_COLLECTION = "passages-bench-1"


async def rows(quick: bool) -> list[Row]:
    """Question by question, in turn with both, and many at once."""
    count = _VECTORS // 10 if quick else _VECTORS
    vectors, questions = _made_up(count)
    with tempfile.TemporaryDirectory() as name, chroma_server(Path(name) / "server") as server:
        places = (ChromaFolder(Path(name) / "folder"), ChromaServer(server.address, _id))
        async with _filled(places[0], vectors) as here, _filled(places[1], vectors) as there:
            found: list[Row] = []
            times: list[list[float]] = [[], []]
            same = 0
            for question in questions:
                answers: list[frozenset[str]] = []
                for place, index in enumerate((here, there)):
                    began = time.perf_counter()
                    near = await index.query(_COLLECTION, question, _NEAREST)
                    times[place].append(1000 * (time.perf_counter() - began))
                    answers.append(frozenset(ident for ident, _ in near[:8]))
                same += answers[0] == answers[1]
            for what, taken in zip(("a folder", "a server"), times, strict=True):
                taken.sort()
                for name_, share in (("p50", 0.5), ("p95", 0.95)):
                    value = round(taken[int(share * len(taken))], 2)
                    found.append(
                        Row(f"query of {count:,} vectors in {what}, {name_}", value, "ms", "", None)
                    )
            for what, index in (("a folder", here), ("a server", there)):
                began = time.perf_counter()
                await asyncio.gather(
                    *(index.query(_COLLECTION, one, _NEAREST) for one in questions[:_AT_ONCE])
                )
                seconds = round(time.perf_counter() - began, 2)
                found.append(Row(f"{_AT_ONCE} at once in {what}", seconds, "s", "", None))
            share = round(same / len(questions), 4)
            found.append(Row("questions with the same eight nearest in both", share, "", "", None))
    return found


async def _id() -> str:
    return "bench"


@asynccontextmanager
async def _filled(store: ChromaStore, vectors: Embeddings) -> AsyncIterator[ChromaIndex]:
    index = ChromaIndex(store)
    ids: Sequence[str] = [f"d-{number}" for number in range(len(vectors))]
    try:
        await index.upsert(_COLLECTION, ids, ["d"] * len(ids), vectors)
        yield index
    finally:
        await index.aclose()


def _made_up(count: int) -> tuple[Embeddings, Embeddings]:
    """Unit vectors in loose heaps, as those of texts are, and questions near some of them."""
    random = np.random.default_rng(0)
    heaps = random.standard_normal((64, _DIMENSION)).astype(np.float32)
    noise = random.standard_normal((count, _DIMENSION)).astype(np.float32)
    vectors = heaps[random.integers(0, 64, count)] + noise
    questions = vectors[:_QUESTIONS] + 0.5 * random.standard_normal((_QUESTIONS, _DIMENSION))
    return _unit(vectors), _unit(questions.astype(np.float32))


def _unit(rows_: Embeddings) -> Embeddings:
    unit: Embeddings = rows_ / np.linalg.norm(rows_, axis=1, keepdims=True)
    return unit
