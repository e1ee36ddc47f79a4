"""kill -9 while documents are read in, and again while the index is rebuilt: nothing is lost."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from backends.scripted.backend import ScriptedBackend
from bot.config.core import FetchSettings
from bot.knowledge.retrieval.embedder import Embedder
from bot.knowledge.service import KnowledgeService
from bot.storage.database import Database
from bot.web.fetch import Fetcher

DOCUMENTS = 80

CHILD = """
import asyncio, sys
from pathlib import Path
from tests.scenarios.test_knowledge_crash import opened

async def main(root: Path, what: str) -> None:
    async with opened(root) as service:
        work = service.add(str(root / "docs")) if what == "add" else service.rebuild()
        async for event in work:
            print(event.done, flush=True)

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


def tokens(text: str) -> int:
    return len(text.split())


@asynccontextmanager
async def opened(root: Path) -> AsyncIterator[KnowledgeService]:
    """The documents under a folder, with a deterministic embedder that takes its time."""
    backend = ScriptedBackend("embedder", dimension=64)

    async def embed_slowly(texts: list[str]) -> object:
        await asyncio.sleep(0.01)
        return await backend.embed(texts)

    async def embedder(base: str) -> Embedder:
        return Embedder("scripted", 64, 100, embed_slowly, tokens)  # type: ignore[arg-type]

    database = await Database.open(root / "parlance.db")
    service = KnowledgeService(
        database, root / "chroma", embedder=embedder, fetcher=Fetcher(FetchSettings())
    )
    try:
        yield service
    finally:
        await service.aclose()
        await database.close()


async def kill_after(root: Path, what: str, steps: int) -> None:
    """Run in a process of its own, and kill it without warning after so many steps."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, str(root), what, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    for _ in range(steps):
        assert await child.stdout.readline(), "the child ended before it was killed"
    child.kill()
    assert await child.wait() == -signal.SIGKILL


@pytest.mark.timeout(90)
async def test_nothing_is_lost_and_nothing_is_left_over(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    for n in range(DOCUMENTS):
        parts = "\n\n".join(f"## Part {p}\n\n" + f"w{n}x{p} " * 60 for p in range(4))
        (folder / f"{n:03}.md").write_text(f"# Topic{n}\n\n{parts}\n")

    await kill_after(tmp_path, "add", steps=5)
    async with opened(tmp_path) as service:
        kept = len(await service.list())
        assert 5 <= kept < DOCUMENTS
        assert await service.unfinished() == [str(folder)]
        events = [event.state async for event in service.sync()]
        assert events.count("unchanged") == kept
        assert events.count("added") == DOCUMENTS - kept
        assert (await service.verify()).clean

    await kill_after(tmp_path, "rebuild", steps=DOCUMENTS // 2)
    async with opened(tmp_path) as service:
        assert (await service.search("w7x3")).passages[0].title == "Topic7"
        repaired = await service.verify()
        assert repaired.orphan_passages > 0
        assert repaired.collections_dropped == 1
        proved = await service.verify()
        assert proved.clean
        assert (proved.documents, proved.passages) == (DOCUMENTS, DOCUMENTS * 4)
        async for _ in service.rebuild():
            pass
        assert (await service.verify()).clean
        for n in (0, 20, 39):
            assert (await service.search(f"w{n}x2")).passages[0].title == f"Topic{n}"
