"""What the benches of documents share: a corpus, the default embedder, a folder of documents."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from backends.base import EngineContext
from backends.files.catalog import EMBEDDER_FILE, TOKENIZER_FILE
from backends.files.store import ModelStore, default_root
from backends.onnx.embedder import ENGINE as ONNX
from backends.onnx.embedder import OnnxEmbedder, OnnxOptions
from backends.pool.pool import Pool
from backends.pool.spec import ModelSpec
from bench.rows import Row
from bot.config.core import FetchSettings
from bot.config.knowledge import KnowledgeSettings
from bot.knowledge.retrieval.embedder import Embedder, create_embedder
from bot.knowledge.retrieval.golden import Golden
from bot.knowledge.retrieval.reranking import Reranker
from bot.knowledge.service import KnowledgeService
from bot.storage.database import Database
from bot.values import Ingested
from bot.web.fetch import Fetcher

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Paragraphs, the questions that each answers, and the words that answer each question."""

    paragraphs: tuple[str, ...]
    questions: tuple[tuple[str, int], ...]
    answers: tuple[tuple[str, ...], ...]

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
    answers: list[tuple[str, ...]] = []
    for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            questions += [(qa["question"], len(paragraphs)) for qa in paragraph["qas"]]
            answers += [tuple(one["text"] for one in qa["answers"]) for qa in paragraph["qas"]]
            paragraphs.append(paragraph["context"])
    return Corpus(tuple(paragraphs), tuple(questions), tuple(answers))


@asynccontextmanager
async def real_embedder() -> AsyncIterator[Embedder]:
    """The default embedder; fetched first where it is not there yet."""
    store = ModelStore(default_root())
    for file in (EMBEDDER_FILE, TOKENIZER_FILE):
        await asyncio.to_thread(store.fetch, file.source, file.sha256)
    backend = OnnxEmbedder("embedder", OnnxOptions(), store)
    try:
        yield await create_embedder(backend, english=True)
    finally:
        await backend.aclose()


@asynccontextmanager
async def pooled_embedder() -> AsyncIterator[Embedder]:
    """The default embedder behind a pool, as the bot has it; its files are there already."""
    spec = ModelSpec.model_validate({"backend": "onnx"})
    store = ModelStore(default_root())
    pool = Pool({"e": spec}, {"onnx": ONNX}, EngineContext(store, lambda _: None))
    try:
        yield await create_embedder(pool.backend("e"), partial(pool.embed, "e"), english=True)
    finally:
        await pool.aclose()


@asynccontextmanager
async def opened(
    root: Path,
    embedder: Embedder,
    settings: KnowledgeSettings | None = None,
    *,
    reranker: Reranker | None = None,
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
        reranker=reranker,
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


def row(name: str, value: float, unit: str, target: float, *, most: bool = False) -> Row:
    """A row that is met at or above its target, or with `most` at or below it."""
    ok = value <= target if most else value >= target
    return Row(name, round(value, 4), unit, f"{'≤' if most else '≥'} {target:g}", ok)
