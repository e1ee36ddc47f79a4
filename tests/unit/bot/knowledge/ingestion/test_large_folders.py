"""However many documents there are, few of them are held at a time."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

from aiohttp import web

from backends.base import Embeddings
from bot.knowledge.index.rows import BaseRow, DocumentRow, NewDocument, SourceRow, document_id
from bot.knowledge.index.store import KnowledgeStore
from bot.knowledge.ingestion.chunking import Chunk
from bot.knowledge.ingestion.pipeline import Batch, embed_documents
from bot.knowledge.ingestion.prepared import PreparedDocument
from bot.knowledge.loading.registry import LOADERS, LOADERS_VERSION
from bot.knowledge.loading.sources import FolderItems, SourceItem
from bot.knowledge.retrieval.embedder import Embedder
from bot.knowledge.service import KnowledgeService
from bot.values import Ingested
from tests.unit.bot.knowledge.conftest import Drain, Room, words
from tests.until import PATIENCE_S

FILES = 1_600


def test_a_folder_was_held_as_a_list_of_its_files(tmp_path: Path) -> None:
    for name in ("a.md", "b.md", "c.md"):
        (tmp_path / name).write_text("# A")
    items = FolderItems(tmp_path, LOADERS)
    listed = iter(items)
    assert Path(next(listed).location).name == "a.md"
    (tmp_path / "b.md").unlink()
    assert [Path(item.location).name for item in listed] == ["c.md"]
    assert len(items) == 3


async def stored_folder(room: Room, store: KnowledgeStore) -> str:
    """A folder of files and the rows of documents that are as the files are."""
    folder = str(room.file("0000.md", "# A").parent)
    source = SourceRow("default", folder, "folder", "", complete=True)
    await store.make_base(BaseRow("default", room.embedder_id, 64, 1))
    rows = []
    for number in range(FILES):
        path = room.file(f"{number:04}.md", "# A")
        stat, place = path.stat(), str(path)
        state = (f"{LOADERS_VERSION}:x", stat.st_size, stat.st_mtime_ns, 1, 0, "", 0.0)
        rows.append(
            DocumentRow(document_id("default", place), "default", folder, place, "A", *state)
        )
    await store.replace([NewDocument(row, b"", (), fresh=True) for row in rows], 1)
    await store.begin_source(source)
    await store.end_source(source)
    return folder


def unlink(folder: str, names: Sequence[str]) -> None:
    for name in names:
        Path(folder, name).unlink()


def held() -> int:
    return sum(isinstance(one, DocumentRow | SourceItem) for one in gc.get_objects())


async def test_a_sync_held_all_items_and_rows(room: Room, service: KnowledgeService) -> None:
    await stored_folder(room, KnowledgeStore(room.database))
    counts = []
    async with aclosing(service.sync()) as events:
        async for event in events:
            assert (event.state, event.total) == ("unchanged", FILES)
            if event.done % 400 == 1:
                counts.append(held())
    assert event.done == FILES
    assert len(counts) == 4
    assert max(counts) < FILES  # there are twice as many
    assert await service.unfinished() == []


async def test_what_vanished_from_a_large_folder_is_taken_out(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    folder = await stored_folder(room, KnowledgeStore(room.database))
    gone = [f"{number:04}.md" for number in (0, 499, 500, 1_599)]
    unlink(folder, gone)
    room.file("0007.md", "# Changed\n\nThis one is another.")
    events = await drain(service.sync())
    assert [Path(e.location).name for e in events if e.state == "removed"] == gone
    assert [Path(e.location).name for e in events if e.state == "changed"] == ["0007.md"]
    assert events[-1].done == events[-1].total == FILES - len(gone)
    assert len(await service.list()) == FILES - len(gone)


async def test_a_page_was_read_again_with_all_documents_of_its_base_held(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    counts = []

    async def page(request: web.Request) -> web.Response:
        counts.append(await asyncio.to_thread(held))
        status = 304 if request.headers.get("If-None-Match") == '"1"' else 200
        return web.Response(
            text="A lamp." * (status == 200), status=status, headers={"ETag": '"1"'}
        )

    await stored_folder(room, KnowledgeStore(room.database))
    url = room.web.route("/lamp.txt", page)
    assert [e.state for e in await drain(service.add(url))] == ["added"]
    assert [e.state for e in await drain(service.add(url))] == ["unchanged"]
    assert len(counts) == 2
    assert max(counts) < FILES


def prepared(number: int) -> PreparedDocument:
    """A document of one passage."""
    row = DocumentRow(f"{number}", "b", "s", f"{number}.md", "", "", 0, 0, 0, 0, "", 0.0)
    return PreparedDocument(row, b"", {f"{number}-1": Chunk("", "A lamp.", "A lamp.")}, {})


async def test_the_embedder_waited_until_outcomes_were_taken(room: Room) -> None:
    told = asyncio.Event()
    calls: list[int] = []

    async def documents() -> AsyncGenerator[PreparedDocument | Ingested, None]:
        for number in range(64 + 95):
            yield prepared(number)

    async def embed(texts: Sequence[str]) -> Embeddings:
        calls.append(len(texts))
        if len(calls) == 2:
            await asyncio.wait_for(told.wait(), PATIENCE_S)
        return await room.backend.embed(texts)

    async def write(batch: Batch, rows: Embeddings) -> Sequence[Ingested]:
        assert rows.shape == (len(batch.todo), 64)
        assert all(one.vectors for one in batch.complete)
        return [Ingested(one.row.location, 0, 0, "added") for one in batch.complete]

    embedder = Embedder("x", 64, 120, embed, words)
    async with aclosing(embed_documents(embedder, documents(), write)) as events:
        async for _ in events:
            told.set()
    assert calls == [64, 95]  # the first is small, since it is waited for
