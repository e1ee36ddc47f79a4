"""Text in any language is found by questions in that language, with an embedder that only knows
English."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from backends.onnx.embedder import OnnxEmbedder
from bot.config.core import FetchSettings
from bot.knowledge.retrieval.embedder import Embedder, create_embedder
from bot.knowledge.service import KnowledgeService
from bot.storage.database import Database
from bot.web.fetch import Fetcher

DOCUMENTS = Path(__file__).parents[1] / "golden" / "languages.yaml"


@pytest.fixture
async def service(tmp_path: Path, embedder_model: OnnxEmbedder) -> AsyncIterator[KnowledgeService]:
    found = await create_embedder(embedder_model, english=True)

    async def embedder(base: str) -> Embedder:
        return found

    database = await Database.open(tmp_path / "parlance.db")
    service = KnowledgeService(
        database, tmp_path / "chroma", embedder=embedder, fetcher=Fetcher(FetchSettings())
    )
    yield service
    await service.aclose()
    await database.close()


async def test_questions_find_documents_in_their_own_language(
    tmp_path: Path, service: KnowledgeService
) -> None:
    documents = yaml.safe_load(DOCUMENTS.read_text(encoding="utf-8"))
    folder = tmp_path / "docs"
    folder.mkdir()
    for number, document in enumerate(documents):
        (folder / f"{number:03}.md").write_text(document["text"], encoding="utf-8")
    async for event in service.add(str(folder)):
        assert event.state == "added"
    ranks: dict[str, list[int]] = defaultdict(list)
    for number, document in enumerate(documents):
        for question in document["questions"]:
            result = await service.search(question)
            found = [passage.location for passage in result.passages]
            here = str(folder / f"{number:03}.md")
            ranks[document["language"]].append(found.index(here) + 1 if here in found else 99)
    for language, places in ranks.items():
        hit = sum(place <= 4 for place in places) / len(places)
        assert hit >= 0.98, (language, places)
    every = [place for places in ranks.values() for place in places]
    assert sum(place == 1 for place in every) / len(every) >= 0.93, dict(ranks)
