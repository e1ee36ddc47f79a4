"""Ten thousand passages and ten times as many: what a folder of them takes, how fast a search is.

python -m bench.scale memory FOLDER        prints the memory of a process that has searched in it
python -m bench.scale read FOLDER VECTORS  reads FOLDER/docs in, or goes on with that; prints how
                                           many documents are done, and figures at the end; VECTORS
                                           is a file of made-up vectors, or "real"
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from backends.base import Embeddings
from bench.documents import ROOT, Corpus, drain, opened, real_embedder, row, written, xquad
from bench.rows import Row
from bot.config.knowledge import KnowledgeSettings
from bot.knowledge.retrieval.embedder import Embedder
from bot.knowledge.service import KnowledgeService

PASSAGES = 10_000
DOCUMENTS = 100_000
REAL_DOCUMENTS = 10_000
_MAX_RESIDENT_MB = 1_024
_FILES_OF_A_FOLDER = 1_000


async def rows(quick: bool) -> list[Row]:
    """A very large folder, killed while it is read and gone on with, and searches in it; `quick`
    has a twentieth of the documents. Without XQuAD there is nothing to read."""
    corpus = xquad()
    if corpus is None:
        return []
    count, real = (n // 20 if quick else n for n in (DOCUMENTS, REAL_DOCUMENTS))
    with tempfile.TemporaryDirectory() as name:
        small, large, embedded = (Path(name) / part for part in ("small", "large", "embedded"))
        vectors = Path(name) / "vectors.npy"
        async with real_embedder() as embedder:
            np.save(vectors, await embedder.embed([t[:400] for t in corpus.paragraphs[:64]]))
        texts = mixed(corpus, count)
        spread(large / "docs", texts)
        spread(small / "docs", texts[: count // 10])
        spread(embedded / "docs", [text[:100] for text in texts[:real]])
        found = await asyncio.to_thread(_killed_and_resumed, large, str(vectors), "made-up vectors")
        found += await asyncio.to_thread(_killed_and_resumed, embedded, "real", "the real embedder")
        await asyncio.to_thread(_read, small, str(vectors), None)
        return [*found, await _search_beside(corpus, small, large, quick=quick)]


def spread(folder: Path, texts: Sequence[str]) -> None:
    """Write a file a text, a thousand to a folder."""
    for number, text in enumerate(texts):
        place = folder / f"{number // _FILES_OF_A_FOLDER:03}"
        if number % _FILES_OF_A_FOLDER == 0:
            place.mkdir(parents=True)
        (place / f"{number:06}.md").write_text(text, encoding="utf-8")


def _killed_and_resumed(root: Path, vectors: str, what: str) -> list[Row]:
    """Read a folder in, with kill -9 after a third of it, and go on."""
    total = sum(1 for _ in (root / "docs").rglob("*.md"))
    reported, _ = _read(root, vectors, total // 3)
    _, figures = _read(root, vectors, None)
    states = Counter(figures["states"])
    title = f"{total:,} documents, {what}"
    again = max(0, reported - states["unchanged"])
    missing = total - states["unchanged"] - states["added"]
    return [
        row(f"{title}: read again after kill -9 at {reported:,}", again, "", 0, most=True),
        row(f"{title}: not read", missing, "", 0, most=True),
        row(f"{title}: most resident", figures["resident_mb"], "MB", _MAX_RESIDENT_MB, most=True),
        Row(
            f"{title}: processor time a document",
            round(1000 * figures["cpu_s"] / max(1, states["added"]), 2),
            "ms",
            "",
            None,
        ),
    ]


def _read(root: Path, vectors: str, kill_at: int | None) -> tuple[int, dict[str, Any]]:
    """Run a process that reads; returns how many documents it reported, and its figures."""
    reported, last = 0, ""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.scale", "read", str(root), vectors],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            last = line
            if line.strip().isdecimal():
                reported = int(line)
                if kill_at is not None and reported >= kill_at:
                    child.kill()
                    return reported, {}
    if child.returncode != 0:
        raise RuntimeError("the process that reads ended early")
    return reported, dict(json.loads(last))


async def _read_here(root: Path, vectors: str) -> None:
    states: Counter[str] = Counter()
    async with AsyncExitStack() as stack:
        if vectors == "real":
            embedder = await stack.enter_async_context(real_embedder())
        else:
            embedder = _made_up(Path(vectors))
        service = await stack.enter_async_context(opened(root, embedder))
        events = service.sync() if await service.unfinished() else service.add(str(root / "docs"))
        async with aclosing(events) as stream:
            async for event in stream:
                states[event.state] += 1
                print(event.done, flush=True)
    figures = {
        "states": states,
        "resident_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "cpu_s": time.process_time(),
    }
    print(json.dumps(figures), flush=True)


def _made_up(vectors: Path) -> Embedder:
    seeds = np.load(vectors)
    return Embedder(
        "made up", seeds.shape[1], 256, made_up_around(seeds), lambda text: len(text.split())
    )


async def _search_beside(corpus: Corpus, small: Path, large: Path, *, quick: bool) -> Row:
    """The same questions to both, in turn, embedding included."""

    @asynccontextmanager
    async def searched(root: Path, embedder: Embedder) -> AsyncIterator[KnowledgeService]:
        async with opened(root, replace(embedder, id="made up")) as service:
            await service.warm()
            yield service

    times: dict[Path, list[float]] = {small: [], large: []}
    async with (
        real_embedder() as embedder,
        searched(small, embedder) as beside,
        searched(large, embedder) as service,
    ):
        sizes = [sum(d.passages for d in await one.list()) for one in (beside, service)]
        for turn, (question, _) in enumerate(corpus.questions[:: 20 if quick else 4]):
            pair = [(small, beside), (large, service)]
            for root, asked in pair if turn % 2 else reversed(pair):
                began = time.perf_counter()
                await asked.search(question)
                times[root].append(time.perf_counter() - began)
    near, far = (sorted(times[root])[int(0.95 * len(times[root]))] for root in (small, large))
    what = f"search at {sizes[1]:,} passages, p95, beside {sizes[0]:,}"
    return row(what, far / near, "×", 1.6, most=True)


async def at_scale(corpus: Corpus, embedder: Embedder, *, quick: bool) -> list[Row]:
    """Ten thousand passages: how fast a search is, what they take, what a second look costs.

    Their vectors are made up (spread about real ones), since embedding them takes ten minutes; the
    questions' are real.
    """
    seeds = await embedder.embed([text[:400] for text in corpus.paragraphs[:64]])
    made_up = replace(embedder, embed=made_up_around(seeds))
    texts = mixed(corpus, PASSAGES // 5 if quick else PASSAGES)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        folder = written(root / "docs", dict(enumerate(texts)))
        async with opened(root, made_up) as service:
            await drain(service.add(str(folder)))
        alone = KnowledgeSettings(late_interaction=False)  # which has rows of its own
        async with opened(root, embedder, alone) as service:
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
            f"search at {passages:,} passages, embedding included and late interaction not, p95",
            times[int(0.95 * len(times))],
            "ms",
            40,
            most=True,
        ),
        row("memory per 10,000 passages", memory * 10_000 / passages, "MB", 60, most=True),
    ]


def made_up_around(seeds: Embeddings) -> Callable[[Sequence[str]], Awaitable[Embeddings]]:
    """An embedder's function that makes vectors up, spread about these."""
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
        [sys.executable, "-m", "bench.scale", "memory", str(root)],
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
    what, folder, *rest = sys.argv[1:]
    asyncio.run(_read_here(Path(folder), *rest) if what == "read" else _search_once(Path(folder)))
