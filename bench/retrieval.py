"""Search: how well it finds, how fast, what it costs to keep. See docs/benchmarks.md.

XQuAD comes from `../shared/data`, or from the file that PARLANCE_XQUAD names; without it its rows
are left open.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from backends.base import Embeddings
from backends.catalog import EMBEDDER_FILE, TOKENIZER_FILE
from backends.onnx_embedder import OnnxEmbedder, OnnxOptions
from backends.store import ModelStore, default_root
from bench import asking
from bench.rows import Row
from bot.config.knowledge import KnowledgeSettings
from bot.config.sections import FetchSettings
from bot.database import Database
from bot.knowledge.chunking import Chunker
from bot.knowledge.citation_filter import CitationFilter
from bot.knowledge.embedder import Embedder, embedder_of
from bot.knowledge.evaluate import Evaluation, Golden, evaluate, load_golden
from bot.knowledge.retriever import Rerank
from bot.knowledge.service import KnowledgeService
from bot.skill import Ingested
from bot.web.fetch import Fetcher

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden" / "parlance.yaml"
PASSAGES = 10_000
UNCHANGED = 1_000
_TURNS = 4
CITED = re.compile(r"\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Corpus:
    """Paragraphs and the questions that each answers."""

    paragraphs: tuple[str, ...]
    questions: tuple[tuple[str, int], ...]

    def golden(self) -> list[tuple[Golden, int]]:
        """The questions as an evaluation takes them, with the number of their paragraph."""
        return [(Golden(question, (f"{n:05}.md",)), n) for question, n in self.questions]


def xquad() -> Corpus | None:
    """The English part of XQuAD, or None where it is not there."""
    path = Path(os.environ.get("PARLANCE_XQUAD", ROOT.parent / "shared/data/xquad.en.json"))
    if not path.exists():
        return None
    paragraphs: list[str] = []
    questions: list[tuple[str, int]] = []
    for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            questions += [(qa["question"], len(paragraphs)) for qa in paragraph["qas"]]
            paragraphs.append(paragraph["context"])
    return Corpus(tuple(paragraphs), tuple(questions))


@asynccontextmanager
async def real_embedder() -> AsyncIterator[Embedder]:
    """The default embedder; fetched first where it is not there yet."""
    store = ModelStore(default_root())
    for file in (EMBEDDER_FILE, TOKENIZER_FILE):
        await asyncio.to_thread(store.fetch, file.source, file.sha256)
    backend = OnnxEmbedder("embedder", OnnxOptions(), store)
    try:
        yield await embedder_of(backend, english=True)
    finally:
        await backend.aclose()


@asynccontextmanager
async def opened(
    root: Path,
    embedder: Embedder,
    settings: KnowledgeSettings | None = None,
    *,
    rerank: Rerank | None = None,
) -> AsyncIterator[KnowledgeService]:
    """The documents in a folder."""

    async def give(base: str) -> Embedder:
        return embedder

    database = await Database.open(root / "parlance.db")
    service = KnowledgeService(
        database,
        root / "chroma",
        embedder=give,
        fetcher=Fetcher(FetchSettings()),
        settings=settings,
        rerank=rerank,
    )
    try:
        yield service
    finally:
        await service.aclose()
        await database.close()


async def drain(events: AsyncGenerator[Ingested, None]) -> float:
    """Run an ingestion; returns its time in seconds."""
    began = time.perf_counter()
    async with aclosing(events) as stream:
        async for _ in stream:
            pass
    return time.perf_counter() - began


def written(folder: Path, texts: Mapping[int, str]) -> Path:
    """A folder with a file a text, named by its number."""
    folder.mkdir(parents=True)
    for number, text in texts.items():
        (folder / f"{number:05}.md").write_text(text, encoding="utf-8")
    return folder


async def worst_pause(stop: asyncio.Event) -> float:
    """How late the event loop came at worst, in seconds."""
    worst = 0.0
    while not stop.is_set():
        began = time.perf_counter()
        await asyncio.sleep(0.005)
        worst = max(worst, time.perf_counter() - began - 0.005)
    return worst


async def quality(corpus: Corpus, embedder: Embedder) -> list[Row]:
    """XQuAD end to end, and what reading it in costs beside the embedder alone, in turns."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        async with opened(root, embedder) as service:
            await drain(service.add_bytes("first.md", b"# First\n\nOpens what is opened once."))
            gc.freeze()  # as `parlance run` does when everything is loaded
            took = raw = pause = control = 0.0
            for part in range(_TURNS):
                numbers = range(part, len(corpus.paragraphs), _TURNS)
                folder = root / f"part{part}"
                written(folder, {n: corpus.paragraphs[n] for n in numbers})
                texts = sorted(embedded_texts(corpus, numbers, embedder), key=len)
                for alone in (part % 2 == 0, part % 2 == 1):
                    if alone:
                        seconds, late = await watched(timed(embedder.embed(texts)))
                        raw, control = raw + seconds, max(control, late)
                    else:
                        seconds, late = await watched(drain(service.add(str(folder))))
                        took, pause = took + seconds, max(pause, late)
            tuned, held = [
                await evaluate(service, [g for g, n in corpus.golden() if n % 2 == half])
                for half in (0, 1)
            ]
    share = tuned.questions / (tuned.questions + held.questions)

    def whole(name: str) -> float:
        """Over both halves; a paragraph's number says which half its questions are in."""
        return float(share * getattr(tuned, name) + (1 - share) * getattr(held, name))

    return [
        row("XQuAD hit@1", whole("hit_at_1"), "", 0.960),
        row("XQuAD MRR@10", whole("mrr_at_10"), "", 0.976),
        row("XQuAD nDCG@10", whole("ndcg_at_10"), "", 0.982),
        row("XQuAD hit@1, the half that was not tuned on", held.hit_at_1, "", 0.960),
        row("XQuAD nDCG@10, the half that was not tuned on", held.ndcg_at_10, "", 0.982),
        row("ingestion beside the raw embedder's rate", raw / took, "×", 0.9),
        row("worst event-loop pause during ingestion", 1000 * pause, "ms", 50, most=True),
        Row("the same while the embedder runs alone", round(1000 * control, 1), "ms", "", None),
    ]


def embedded_texts(corpus: Corpus, numbers: Iterable[int], embedder: Embedder) -> list[str]:
    """What an ingestion gives to the embedder: passages and their sentences."""
    chunker = Chunker(embedder.count, embedder.window, KnowledgeSettings().chunk_tokens)
    pieces = [piece for n in numbers for piece in chunker.pieces(f"{n:05}", corpus.paragraphs[n])]
    return [text for piece in pieces for text in (piece.embedded, *piece.sentences)]


async def timed(work: Awaitable[object]) -> float:
    """How long it takes, in seconds."""
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


async def watched(work: Awaitable[float]) -> tuple[float, float]:
    """What the work returns, and how late the event loop came at worst meanwhile, in seconds."""
    stop = asyncio.Event()
    pauses = asyncio.create_task(worst_pause(stop))
    result = await work
    stop.set()
    return result, await pauses


async def own_golden(embedder: Embedder) -> list[Row]:
    """The project's own questions over its own pages, the test half."""
    names = ("own golden set, test half: nDCG@10", "own golden set, test half: abstention F1")
    questions = load_golden(GOLDEN, half="test")
    with tempfile.TemporaryDirectory() as name:
        async with opened(Path(name), embedder) as service:
            await drain(service.add(str(ROOT / "docs")))
            measured: Evaluation = await evaluate(service, questions)
    return [
        row(names[0], measured.ndcg_at_10, "", 0.90),
        row(names[1], measured.abstention_f1, "", 0.85),
    ]


def citations(quick: bool) -> Row:
    """Streams full of citations, good and bad, cut anywhere: which of those shown are good."""
    chance = random.Random(7)
    shown = good = 0
    for _ in range(200 if quick else 2_000):
        passages = chance.randint(1, 8)
        text = "".join(
            chance.choice(("a fact ", f"[{chance.randint(0, 12)}]", ". ", "[1, 9]", "[", "]", "7"))
            for _ in range(60)
        )
        citations = CitationFilter(passages)
        out = ""
        while text:
            cut = chance.randint(1, 5)
            out += citations.feed(text[:cut])
            text = text[cut:]
        numbers = CITED.findall(out + citations.finish())
        shown += len(numbers)
        good += sum(1 <= int(number) <= passages for number in numbers)
    return row("citations that point to a passage that was given", 100 * good / shown, "%", 100)


async def at_scale(corpus: Corpus, embedder: Embedder, *, quick: bool) -> list[Row]:
    """Ten thousand passages: how fast a search is, what they take, what a second look costs.

    Their vectors are made up (spread about real ones), since embedding them takes ten minutes; the
    questions' are real.
    """
    seeds = await embedder.embed([text[:400] for text in corpus.paragraphs[:64]])
    made_up = replace(embedder, embed=_around(seeds))
    texts = _mixed(corpus, PASSAGES // 5 if quick else PASSAGES)
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


async def unchanged(corpus: Corpus, embedder: Embedder, *, quick: bool) -> Row:
    """Reading a folder in again in which nothing changed, beside the first time."""
    texts = [text[:300] for text in _mixed(corpus, UNCHANGED // 5 if quick else UNCHANGED)]
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        folder = written(root / "docs", dict(enumerate(texts)))
        async with opened(root, embedder) as service:
            first = await drain(service.add(str(folder)))
            again = await drain(service.sync())
    what = f"sync of {len(texts):,} unchanged documents beside the first time"
    return row(what, again / first, "×", 0.02, most=True)


def _around(seeds: Embeddings) -> Callable[[Sequence[str]], Awaitable[Embeddings]]:
    chance = np.random.default_rng(7)

    async def embed(texts: Sequence[str]) -> Embeddings:
        rows = seeds[chance.integers(len(seeds), size=len(texts))]
        rows = rows + chance.normal(0, 0.05, rows.shape).astype(np.float32)
        unit: Embeddings = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        return unit

    return embed


def _mixed(corpus: Corpus, count: int) -> list[str]:
    """Paragraphs of the corpus's sentences in new combinations, about as long as they are."""
    chance = random.Random(7)
    sentences = [s for text in corpus.paragraphs for s in text.split(". ") if len(s) > 20]
    return [". ".join(chance.sample(sentences, 4)) + "." for _ in range(count)]


def _resident(root: Path) -> float:
    """Resident memory of a process that has searched the documents in a folder, in MB."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.retrieval", str(root)],
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


def row(name: str, value: float, unit: str, target: float, *, most: bool = False) -> Row:
    """A row that is met at or above its target, or with `most` at or below it."""
    ok = value <= target if most else value >= target
    return Row(name, round(value, 4), unit, f"{'≤' if most else '≥'} {target:g}", ok)


async def rows(quick: bool) -> list[Row]:
    """Everything above; `quick` asks fewer questions and stores fewer passages."""
    corpus = xquad()
    async with real_embedder() as embedder:
        found = [citations(quick), *await own_golden(embedder)]
        found += await asking.rows(embedder, opened, drain, quick=quick)
        if corpus is None:
            return found
        found = [*await quality(corpus, embedder), *found]
        found.append(await unchanged(corpus, embedder, quick=quick))
        found += await at_scale(corpus, embedder, quick=quick)
    return found


if __name__ == "__main__":
    asyncio.run(_search_once(Path(sys.argv[1])))
