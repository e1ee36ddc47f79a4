"""Vectors that are damaged: documents are found by their words, and the vectors are made again."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from backends.scripted.backend import ScriptedBackend
from bot.config.core import FetchSettings
from bot.config.knowledge import KnowledgeSettings
from bot.knowledge.index.chroma_files import find_damage
from bot.knowledge.index.chroma_store import IndexDamaged
from bot.knowledge.retrieval.embedder import Embedder
from bot.knowledge.service import KnowledgeService
from bot.storage.database import Database
from bot.types import Author
from bot.web.fetch import Fetcher
from tests.hostile.damage import TO_DATABASE, TO_GRAPH, cut, noise
from tests.until import PATIENCE_S

FEW, MANY = 20, 1_050
"""Passages; from a thousand on Chroma has its graph on the disk."""
MINE = "@slack:U1"
UNSEEN = ("no graph", "noise in the names", "noise in the links")
"""Damage to the graph that nothing of ours sees, and damage that Chroma would die of."""


@asynccontextmanager
async def opened(root: Path) -> AsyncIterator[KnowledgeService]:
    backend = ScriptedBackend("embedder", dimension=32)

    async def embedder(base: str) -> Embedder:
        return Embedder("scripted", 32, 200, backend.embed, lambda t: len(t.split()), english=False)

    database = await Database.open(root / "parlance.db")
    service = KnowledgeService(
        database,
        root / "chroma",
        embedder=embedder,
        fetcher=Fetcher(FetchSettings()),
        settings=KnowledgeSettings(chunk_tokens=32),
    )
    try:
        yield service
    finally:
        await service.aclose()
        await database.close()


async def fill(root: Path, parts: int) -> None:
    text = ""
    for n in range(parts):
        text += f"## Part {n}\n\n{' '.join(f'u{n}y{k}' for k in range(22))} w{n}x.\n\n"
    async with opened(root) as service:
        async for _ in service.add_bytes("long.md", f"# Long\n\n{text}".encode()):
            pass
        async for _ in service.add_bytes("mine.md", b"# Mine\n\nBlue whales.", base=MINE):
            pass


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("few")
    asyncio.run(fill(root, FEW))
    return root


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("many")
    asyncio.run(fill(root, MANY))
    return root


async def finds(service: KnowledgeService, number: int) -> bool:
    found = await service.search(f"where is w{number}x", limit=20)
    return any(f"w{number}x" in passage.text for passage in found.passages)


async def goes_on(root: Path, passages: int) -> None:
    """Search with damaged vectors, have them made again, and search with those."""
    async with opened(root) as service:
        assert await finds(service, 7)
        assert "`parlance docs verify`" in await service.find_vector_problem()
        verified = await service.verify()
        assert verified.vectors_added == passages
        assert await service.find_vector_problem() == ""
        with capture_logs() as logs:
            assert await finds(service, passages - 5)
        assert logs == []
    async with opened(root) as service:
        assert (await service.verify()).clean


@pytest.mark.parametrize("kind", TO_DATABASE)
async def test_a_damaged_database_of_chroma(few: Path, tmp_path: Path, kind: str) -> None:
    root = shutil.copytree(few, tmp_path / "data")
    TO_DATABASE[kind](root / "chroma")
    await goes_on(root, FEW + 1)


@pytest.mark.parametrize("kind", UNSEEN)
async def test_a_damaged_graph_of_chroma(many: Path, tmp_path: Path, kind: str) -> None:
    root = shutil.copytree(many, tmp_path / "data")
    TO_GRAPH[kind](root / "chroma")
    await goes_on(root, MANY + 1)


def test_damage_to_the_graph_is_seen_before_chroma_follows_it(many: Path, tmp_path: Path) -> None:
    assert find_damage(many / "chroma") == ""
    seen = {}
    for kind, harm in TO_GRAPH.items():
        chroma = shutil.copytree(many / "chroma", tmp_path / kind)
        harm(chroma)
        seen[kind] = find_damage(chroma)
    assert {kind for kind, what in seen.items() if not what} == {"no graph", "noise in the names"}


async def test_documents_can_be_added_removed_and_forgotten_at_once(
    few: Path, tmp_path: Path
) -> None:
    root = shutil.copytree(few, tmp_path / "data")
    for number in range(3):
        noise(root / "chroma" / "chroma.sqlite3")
        async with opened(root) as service:
            if number == 0:
                added = [e.state async for e in service.add_bytes("new.md", b"# New\n\nNew w99x.")]
                assert added == ["added"]
            elif number == 1:
                await service.remove("new.md")
            else:
                assert await service.forget(Author("slack", "U1", "Ada")) == 1
            assert await service.find_vector_problem() == ""
            assert [d.title for d in await service.list(MINE)] == (["Mine"] if number < 2 else [])
            with capture_logs() as logs:
                assert await finds(service, 99) is (number == 0)
            assert logs == []
            assert (await service.verify()).clean


async def test_a_rebuild_makes_the_vectors_of_the_other_bases_again_too(
    few: Path, tmp_path: Path
) -> None:
    root = shutil.copytree(few, tmp_path / "data")
    noise(root / "chroma" / "chroma.sqlite3")
    async with opened(root) as service:
        async for _ in service.rebuild():
            pass
        assert (await service.verify()).clean


@pytest.mark.parametrize("share", [0.0, 0.5])
async def test_damage_while_it_runs_is_mended_without_a_restart(
    few: Path, tmp_path: Path, share: float
) -> None:
    root = shutil.copytree(few, tmp_path / "data")
    async with opened(root) as service:
        assert await finds(service, 7)
        mending = asyncio.create_task(service.repair_when_damaged())
        cut(root / "chroma" / "chroma.sqlite3", share)
        with capture_logs() as logs:
            await add(service, "new.md")
            async with asyncio.timeout(PATIENCE_S):
                while await service.find_vector_problem():
                    assert await finds(service, 7)
                    await asyncio.sleep(0.05)
        mending.cancel()
        await asyncio.wait([mending])
        said = {e["event"]: e["log_level"] for e in logs}
        assert said.pop("knowledge.vectors_damaged") == "warning"
        assert set(said) <= {"knowledge.vector_search_failed"}
        await add(service, "new.md")
        assert await finds(service, 99)
        assert (await service.verify()).clean
    async with opened(root) as service:
        assert (await service.verify()).clean


async def add(service: KnowledgeService, name: str) -> None:
    """Add a document; a sentence that it cannot be done now is an answer, too."""
    with suppress(IndexDamaged):
        async for _ in service.add_bytes(name, b"# New\n\nNew w99x."):
            pass


async def test_what_is_no_file_of_chroma_is_left_alone(few: Path, tmp_path: Path) -> None:
    root = shutil.copytree(few, tmp_path / "data")
    (root / "chroma" / "notes").mkdir()
    (root / "chroma" / "notes" / "mine.txt").write_text("mine")
    noise(root / "chroma" / "chroma.sqlite3")
    async with opened(root) as service:
        assert (await service.verify()).index_replaced == 1
    assert (root / "chroma" / "notes" / "mine.txt").read_text() == "mine"


async def test_warming_up_makes_vectors_again(few: Path, tmp_path: Path) -> None:
    root = shutil.copytree(few, tmp_path / "data")
    shutil.rmtree(root / "chroma")
    async with opened(root) as service:
        await service.warm()
        assert await service.find_vector_problem() == ""
        assert (await service.verify()).clean
