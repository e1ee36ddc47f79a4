"""Search: how well it finds, how fast, what it costs to keep. See docs/benchmarks.md.

XQuAD comes from `../shared/data`, or from the file that PARLANCE_XQUAD names; without it its rows
are left open.
"""

from __future__ import annotations

import asyncio
import gc
import random
import re
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path

from bench import abstaining, asking, blind, embedders, late
from bench.documents import (
    ROOT,
    Corpus,
    drain,
    opened,
    pooled_embedder,
    real_embedder,
    row,
    written,
    xquad,
)
from bench.rows import Row
from bench.scale import at_scale, mixed
from bot.answering.extractive_quote import quote
from bot.config.knowledge import KnowledgeSettings
from bot.knowledge.citations.stream_filter import CitationFilter
from bot.knowledge.ingestion.chunking import Chunker
from bot.knowledge.retrieval.embedder import Embedder
from bot.knowledge.retrieval.evaluation import Evaluation, evaluate
from bot.knowledge.retrieval.golden import load_golden
from bot.knowledge.service import KnowledgeService
from bot.skills.document_tree import Paragraph

GOLDEN = ROOT / "tests" / "golden" / "parlance.yaml"
UNCHANGED = 1_000
_TURNS = 4
CITED = re.compile(r"\[(\d+)\]")


async def worst_pause(stop: asyncio.Event) -> float:
    """How late the event loop came at worst, in seconds."""
    worst = 0.0
    while not stop.is_set():
        began = time.perf_counter()
        await asyncio.sleep(0.005)
        worst = max(worst, time.perf_counter() - began - 0.005)
    return worst


async def quality(corpus: Corpus, embedder: Embedder) -> list[Row]:
    """XQuAD end to end."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        async with opened(root, embedder) as service:
            folder = written(root / "paragraphs", dict(enumerate(corpus.paragraphs)))
            await drain(service.add(str(folder)))
            tuned, held = [
                await evaluate(service, [g for g, n in corpus.golden() if n % 2 == half])
                for half in (0, 1)
            ]
            answered = await quoted(service, corpus)
    share = tuned.questions / (tuned.questions + held.questions)

    def whole(name: str) -> float:
        """Over both halves; a paragraph's number says which half its questions are in."""
        return float(share * getattr(tuned, name) + (1 - share) * getattr(held, name))

    return [
        row("XQuAD hit@1", whole("hit_at_1"), "", 0.967),
        row("XQuAD MRR@10", whole("mrr_at_10"), "", 0.976),
        row("XQuAD nDCG@10", whole("ndcg_at_10"), "", 0.985),
        row("XQuAD hit@1, the half that was not tuned on", held.hit_at_1, "", 0.960),
        row("XQuAD nDCG@10, the half that was not tuned on", held.ndcg_at_10, "", 0.982),
        Row("quotations that hold the answer, XQuAD", round(100 * answered, 1), "%", "", None),
    ]


async def quoted(service: KnowledgeService, corpus: Corpus) -> float:
    """The share of questions to which the sentences that are quoted before a very small model's
    answer hold the words of the answer; of every fourth question."""
    asked = list(zip(corpus.questions, corpus.answers, strict=True))[::4]
    hits = 0
    for (question, _), answers in asked:
        found = quote(question, (await service.search(question)).passages)
        hits += found is not None and any(answer in found.text for answer in answers)
    return hits / len(asked)


async def ingestion(corpus: Corpus, embedder: Embedder, *, quick: bool) -> list[Row]:
    """What reading XQuAD in costs beside its texts given to the embedder in one call, sorted; the
    two take turns, and turns at going first."""
    texts = sorted(embedded_texts(corpus, embedder), key=len)
    took = raw = took_cpu = raw_cpu = pause = control = 0.0
    for turn in range(1 if quick else _TURNS):
        with tempfile.TemporaryDirectory() as name:
            folder = written(Path(name) / "paragraphs", dict(enumerate(corpus.paragraphs)))
            async with opened(Path(name), embedder) as service:
                await drain(service.add_bytes("first.md", b"# First\n\nOpens what is opened once."))
                gc.freeze()  # as `parlance run` does when everything is loaded
                for alone in (turn % 2 == 0, turn % 2 == 1):
                    began = time.process_time()
                    if alone:
                        seconds, late = await watched(timed(embedder.embed(texts)))
                        raw, control = raw + seconds, max(control, late)
                        raw_cpu += time.process_time() - began
                    else:
                        seconds, late = await watched(drain(service.add(str(folder))))
                        took, pause = took + seconds, max(pause, late)
                        took_cpu += time.process_time() - began
    return [
        row("ingestion beside the raw embedder, wall time", raw / took, "×", 0.95),
        row("ingestion beside the raw embedder, processor time", raw_cpu / took_cpu, "×", 0.95),
        row("worst event-loop pause during ingestion", 1000 * pause, "ms", 50, most=True),
        Row("the same while the embedder runs alone", round(1000 * control, 1), "ms", "", None),
    ]


async def questions_meanwhile(corpus: Corpus, *, quick: bool) -> list[Row]:
    """How long a question is searched for while documents are read in, beside an idle bot; both
    through the pool, which the questions and the documents share."""
    asked = [question for question, _ in corpus.questions][: 40 if quick else 120]
    async with pooled_embedder() as embedder:
        with tempfile.TemporaryDirectory() as name:
            root = Path(name)
            stored = written(root / "stored", dict(enumerate(corpus.paragraphs[:40])))
            more = written(root / "more", dict(enumerate(corpus.paragraphs[40:] * 4)))
            async with opened(root, embedder) as service:
                await drain(service.add(str(stored)))
                idle = [await timed(service.search(question)) for question in asked]
                reading = asyncio.create_task(drain(service.add(str(more))))
                await asyncio.sleep(2.0)
                busy: list[float] = []
                while not reading.done() and len(busy) < len(asked):
                    busy.append(await timed(service.search(asked[len(busy)])))
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
    slow_idle, slow_busy = (sorted(times)[int(0.95 * len(times))] for times in (idle, busy))
    return [
        row(
            "a question during ingestion, p95, beside idle",
            slow_busy / slow_idle,
            "×",
            2.0,
            most=True,
        ),
        Row("the same while nothing is read in", round(1000 * slow_idle, 1), "ms", "", None),
    ]


def embedded_texts(corpus: Corpus, embedder: Embedder) -> list[str]:
    """What an ingestion gives to the embedder: passages and their sentences."""
    chunker = Chunker(embedder.count, embedder.window, KnowledgeSettings().chunk_tokens)
    paragraphs = enumerate(corpus.paragraphs)
    chunks = [
        chunk for n, text in paragraphs for chunk in chunker.chunks(f"{n:05}", [Paragraph(text)])
    ]
    return [text for chunk in chunks for text in (chunk.embedding_text, *chunk.sentences)]


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


async def unchanged(corpus: Corpus, embedder: Embedder, *, quick: bool) -> Row:
    """Reading a folder in again in which nothing changed, beside the first time."""
    texts = [text[:300] for text in mixed(corpus, UNCHANGED // 5 if quick else UNCHANGED)]
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        folder = written(root / "docs", dict(enumerate(texts)))
        async with opened(root, embedder) as service:
            first = await drain(service.add(str(folder)))
            again = await drain(service.sync())
    what = f"sync of {len(texts):,} unchanged documents beside the first time"
    return row(what, again / first, "×", 0.02, most=True)


async def rows(quick: bool) -> list[Row]:
    """Everything above; `quick` asks fewer questions and stores fewer passages."""
    corpus = xquad()
    async with real_embedder() as embedder:
        found = [citations(quick), *await own_golden(embedder)]
        found += [*await blind.rows(embedder), *await blind.support_rows()]
        found += await abstaining.rows(corpus, embedder, quick=quick)
        found += await asking.rows(embedder, quick=quick)
        found += await embedders.rows(corpus, quick=quick)
        if corpus is None:
            return found
        measured = await quality(corpus, embedder)
        measured += await late.rows(corpus, embedder, quick=quick)
        measured += await ingestion(corpus, embedder, quick=quick)
        measured += await questions_meanwhile(corpus, quick=quick)
        found = [*measured, *found]
        found.append(await unchanged(corpus, embedder, quick=quick))
        found += await at_scale(corpus, embedder, quick=quick)
    return found
