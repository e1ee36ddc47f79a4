"""Our own questions over our own pages: the set is sound, and search answers its test half."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from backends.onnx.embedder import OnnxEmbedder
from bot.answering.extractive_quote import quote
from bot.config.core import FetchSettings
from bot.knowledge.retrieval.embedder import Embedder, create_embedder
from bot.knowledge.retrieval.evaluation import evaluate, load_golden
from bot.knowledge.service import KnowledgeService
from bot.storage.database import Database
from bot.web.fetch import Fetcher

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "parlance.yaml"
QUESTIONS = load_golden(GOLDEN, half="test")
FOLLOW_UPS = ROOT / "tests" / "golden" / "followups.yaml"
CONVERSATIONS = load_golden(FOLLOW_UPS)
SMALL_TALK = ROOT / "tests" / "golden" / "smalltalk.yaml"
SAID = load_golden(SMALL_TALK, half="test")
LANGUAGES = ROOT / "tests" / "golden" / "languages.yaml"
TEXTS = yaml.safe_load(LANGUAGES.read_text(encoding="utf-8"))


def test_the_set_is_large_balanced_and_names_pages_that_exist() -> None:
    questions = load_golden(GOLDEN)
    assert len(questions) >= 150
    assert len({golden.question for golden in questions}) == len(questions)
    unanswerable = sum(not golden.documents for golden in questions)
    assert unanswerable >= len(questions) / 3
    halves = Counter(golden.half for golden in questions)
    assert set(halves) == {"tuning", "test"}
    assert abs(halves["tuning"] - halves["test"]) < 20
    for golden in questions:
        for name in golden.documents:
            assert (ROOT / "docs" / name).exists(), golden.question


@asynccontextmanager
async def opened(folder: Path, model: OnnxEmbedder) -> AsyncIterator[KnowledgeService]:
    found = await create_embedder(model)

    async def embedder(base: str) -> Embedder:
        return found

    database = await Database.open(folder / "parlance.db")
    service = KnowledgeService(
        database, folder / "chroma", embedder=embedder, fetcher=Fetcher(FetchSettings())
    )
    try:
        yield service
    finally:
        await service.aclose()
        await database.close()


@pytest.fixture(scope="module")
def read_once(tmp_path_factory: pytest.TempPathFactory, embedder_model: OnnxEmbedder) -> Path:
    """A folder in which our pages have been read; embedding them takes seconds."""
    folder = tmp_path_factory.mktemp("pages")

    async def read() -> None:
        async with opened(folder, embedder_model) as service:
            async for _ in service.add(str(ROOT / "docs")):
                pass

    asyncio.run(read())
    return folder


@pytest.fixture
async def service(
    read_once: Path, tmp_path: Path, embedder_model: OnnxEmbedder
) -> AsyncIterator[KnowledgeService]:
    """Our pages, in a copy of its own for each test."""
    copy = Path(shutil.copytree(read_once, tmp_path / "copy"))
    async with opened(copy, embedder_model) as service:
        yield service


async def test_search_answers_the_test_half_and_knows_when_it_cannot(
    service: KnowledgeService,
) -> None:
    measured = await evaluate(service, QUESTIONS)
    assert measured.ndcg_at_10 >= 0.90, measured.misses
    assert measured.abstention_f1 >= 0.85, measured.misses


async def test_follow_ups_find_what_the_question_before_was_about(
    service: KnowledgeService, tmp_path: Path
) -> None:
    """And new subjects are not drawn back to it: the last lines of the file begin one."""
    conversations = CONVERSATIONS
    assert len(conversations) >= 30
    folder = tmp_path / "texts"
    folder.mkdir()
    for number, document in enumerate(TEXTS):
        (folder / f"text-{number:02}.md").write_text(document["text"], encoding="utf-8")
    async for _ in service.add(str(folder)):
        pass
    held = [golden for golden in conversations if golden.half == "test"]
    together = await evaluate(service, held)
    alone = await evaluate(service, [replace(golden, before=()) for golden in held])
    assert together.hit_at_1 >= 0.9, together.misses
    assert together.hit_at_1 >= alone.hit_at_1 + 0.15
    assert together.abstention_f1 >= alone.abstention_f1


async def test_what_is_quoted_is_from_a_page_that_answers(service: KnowledgeService) -> None:
    """By words alone it was from another page for every fourth question."""
    asked = [golden for golden in QUESTIONS if golden.documents]
    right = 0
    for golden in asked:
        passages = (await service.search(golden.question)).passages
        if found := quote(golden.question, passages):
            right += Path(passages[found.number - 1].location).name in golden.documents
    assert right >= 0.8 * len(asked)


async def test_small_talk_is_not_answered_from_the_documents(service: KnowledgeService) -> None:
    """ "It was, where a page happened to have the word: "hello", "yes", "what time is it?"."""
    wrong = []
    for golden in SAID:
        found = await service.search(golden.question)
        after = await service.search(golden.question, before=["How do I rotate the logs?"])
        wrong += [
            golden.question for one in (found, after) if one.evidence != bool(golden.documents)
        ]
    assert len(SAID) >= 60
    assert len(wrong) <= 2 * len(SAID) / 10, wrong  # one in ten: the pages grow with every change
