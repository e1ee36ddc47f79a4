"""Full text beside a PostgreSQL server: searches beside those in SQLite, and what it takes to bring
a file up to date. PostgreSQL must be installed. See docs/benchmarks.md.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.documents import drain, real_embedder, row, written, xquad
from bench.rows import Row
from bench.scale import PASSAGES, made_up_around, mixed
from bot.config.core import FetchSettings
from bot.config.knowledge import KnowledgeSettings
from bot.knowledge.index.full_text_home import FILE_NAME, full_text_of
from bot.knowledge.retrieval.embedder import Embedder
from bot.knowledge.service import KnowledgeService
from bot.storage.address import DatabaseAddress
from bot.storage.database import Database
from bot.web.fetch import Fetcher
from tests.fakes.postgresql import find_programs, running_server

_MAX_TIMES_AS_SLOW = 1.2
_MAX_MADE_S = 10.0
_MAX_CHANGED_MS = 100.0
_TURNS = 5


async def rows(quick: bool) -> list[Row]:
    """Ten thousand passages on both engines; `quick` has a fifth of them."""
    corpus, programs = xquad(), find_programs()
    if corpus is None or programs is None:
        return []
    count = PASSAGES // 5 if quick else PASSAGES
    with tempfile.TemporaryDirectory() as name, running_server(programs) as server:
        root = Path(name)
        folder = written(root / "docs", dict(enumerate(mixed(corpus, count))))
        async with real_embedder() as real:
            seeds = await real.embed([text[:400] for text in corpus.paragraphs[:64]])
        embedder = Embedder(
            "made up", seeds.shape[1], 256, made_up_around(seeds), lambda text: len(text.split())
        )
        questions = [question for question, _ in corpus.questions[:: 20 if quick else 4]]
        address = await asyncio.to_thread(server.create)
        async with (
            _opened(root / "sqlite", root / "sqlite.db", embedder) as (_, inside),
            _opened(root / "server", address, embedder) as (database, beside),
        ):
            added = [await drain(service.add(str(folder))) for service in (inside, beside)]
            found = await _search_both(inside, beside, questions)
            made, changed = await _bring_up_to_date(root, database, beside, folder)
    title = f"{count:,} passages"
    return [
        Row(f"{title}: search in SQLite, p50", round(found[0], 2), "ms", "", None),
        Row(f"{title}: search beside PostgreSQL, p50", round(found[1], 2), "ms", "", None),
        row(f"{title}: the second beside the first, p50 of pairs", found[2], "×",
            _MAX_TIMES_AS_SLOW, most=True),
        Row(f"{title}: reading in, PostgreSQL beside SQLite", round(added[1] / added[0], 2), "×",
            "", None),
        row(f"{title}: a file from nothing", made, "s", _MAX_MADE_S, most=True),
        row(f"{title}: a file after one changed document, p50", changed, "ms",
            _MAX_CHANGED_MS, most=True),
    ]  # fmt: skip


@asynccontextmanager
async def _opened(
    folder: Path, address: DatabaseAddress, embedder: Embedder
) -> AsyncIterator[tuple[Database, KnowledgeService]]:
    async def give(base: str) -> Embedder:
        return embedder

    await asyncio.to_thread(folder.mkdir)
    database = await Database.open(address)
    service = KnowledgeService(
        database,
        folder / "chroma",
        embedder=give,
        fetcher=Fetcher(FetchSettings()),
        settings=KnowledgeSettings(late_interaction=False),
    )
    try:
        yield database, service
    finally:
        await service.aclose()
        await database.close()


async def _search_both(
    inside: KnowledgeService, beside: KnowledgeService, questions: list[str]
) -> tuple[float, float, float]:
    """The medians in ms of both, and of the ratios of each pair, asked in turn."""
    pairs = []
    for turn, question in enumerate([questions[0], *questions]):
        times = {}
        for service in (inside, beside) if turn % 2 else (beside, inside):
            began = time.perf_counter()
            await service.search(question)
            times[service] = 1000 * (time.perf_counter() - began)
        pairs.append((times[inside], times[beside]))
    pairs = pairs[1:]  # the first makes the file
    return (
        statistics.median(first for first, _ in pairs),
        statistics.median(second for _, second in pairs),
        statistics.median(second / first for first, second in pairs),
    )


async def _bring_up_to_date(
    root: Path, database: Database, service: KnowledgeService, folder: Path
) -> tuple[float, float]:
    """Seconds to make the file of another process, and ms until it has a changed document."""
    full_text = full_text_of(database, root / "another")
    began = time.perf_counter()
    await full_text.bring_up_to_date()
    made = time.perf_counter() - began
    times = []
    for turn in range(_TURNS):
        page = folder / f"{turn:05}.md"
        await asyncio.to_thread(page.write_text, f"# Changed\n\nThis is another text, {turn}.")
        await drain(service.add(str(page)))
        began = time.perf_counter()
        await full_text.bring_up_to_date()
        times.append(1000 * (time.perf_counter() - began))
    assert (root / "another" / FILE_NAME).exists()
    await full_text.aclose()
    return made, statistics.median(times)
