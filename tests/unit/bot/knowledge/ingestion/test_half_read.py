"""What half a reading leaves behind goes when nobody can go on with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from backends.base import Embeddings
from backends.errors import BackendUnavailable
from bot.errors import NotFound
from bot.knowledge.index.chroma import ChromaIndex
from bot.knowledge.index.chroma_folder import ChromaFolder
from bot.knowledge.index.tables import pending, staged
from bot.knowledge.retrieval.embedder import Embedder
from bot.knowledge.service import KnowledgeService
from bot.types import Author
from bot.values import Document, Ingested
from tests.unit.bot.knowledge.conftest import Drain, Room, on_both_engines, words

LONG = "".join(f"## Part {n}\n\n{'word ' * 20}number{n} ends here.\n\n" for n in range(540))
ADA = Author("slack", "U1", "Ada")


async def left_behind(room: Room) -> dict[str, int]:
    """Rows that no whole document has."""
    found = {}
    async with room.database.read() as connection:
        for table in (staged, pending):
            number = await connection.scalar(sa.select(sa.func.count()).select_from(table))
            found[table.name] = int(number or 0)
    return {name: number for name, number in found.items() if number}


@dataclass(slots=True)
class Halting(Room):
    """Its embedder goes no further than two batches where `halts` is set."""

    halts: bool = False
    calls: int = 0

    async def embedder(self, base: str) -> Embedder:
        async def embed(texts: Sequence[str]) -> Embeddings:
            self.calls += 1
            if self.halts and self.calls > 2:
                await asyncio.Event().wait()
            return await self.backend.embed(texts)

        return Embedder(self.embedder_id, 64, 120, embed, words, english=False)


@pytest.fixture
def room(room: Room) -> Halting:
    return Halting(room.path, room.database, room.backend, room.web, room.stack)


async def stop_half_way(room: Halting, events: AsyncGenerator[Ingested, None]) -> None:
    async def read() -> None:
        async with aclosing(events) as stream:
            async for _ in stream:
                pass

    room.halts = True
    reading = asyncio.create_task(read())
    while "knowledge_staged" not in await left_behind(room):
        assert not reading.done()
        await asyncio.sleep(0.005)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    room.halts = False


async def vectors(room: Room, service: KnowledgeService) -> dict[str, int]:
    """How many vectors there are, by collection; closes the service."""
    await service.aclose()
    chroma = ChromaIndex(ChromaFolder(room.path / "chroma"))
    found = {name: len(await chroma.ids(name)) for name in await chroma.names()}
    await chroma.aclose()
    return found


async def test_a_file_that_vanished_half_read_left_its_vectors(
    room: Halting, service: KnowledgeService, drain: Drain
) -> None:
    path = room.file("long.md", LONG)
    room.file("short.md", "# Short\n\nA short one.")
    folder = str(path.parent)
    await stop_half_way(room, service.add(folder))
    path.unlink()
    assert {e.state for e in await drain(service.sync())} <= {"added", "unchanged"}
    assert await left_behind(room) == {}
    assert list((await vectors(room, service)).values()) == [1]


async def test_a_file_that_was_half_read_and_is_gone_failed_every_sync(
    room: Halting, service: KnowledgeService, drain: Drain
) -> None:
    path = room.file("long.md", LONG)
    await stop_half_way(room, service.add(str(path)))
    path.unlink()
    (told,) = await drain(service.sync())
    assert "There is no file or folder" in told.detail
    assert await drain(service.sync()) == []
    assert await service.unfinished() == []
    assert await left_behind(room) == {}
    assert list((await vectors(room, service)).values()) == [0]


@on_both_engines
async def test_what_another_source_goes_on_with_is_kept(
    room: Halting, service: KnowledgeService, drain: Drain
) -> None:
    path = room.file("long.md", LONG)
    other = room.file("short.md", "# Short\n\nA short one.")
    await stop_half_way(room, service.add(str(path)))
    kept = await left_behind(room)
    await drain(service.add(str(other)))
    assert await left_behind(room) == kept
    assert [e.state for e in await drain(service.add(str(path)))] == ["added"]
    assert await left_behind(room) == {}


async def test_a_person_who_was_forgotten_left_half_a_document(
    room: Halting, service: KnowledgeService
) -> None:
    await stop_half_way(room, service.add_bytes("diary.md", LONG.encode(), base="@slack:U1"))
    assert await service.forget(ADA) == 0
    assert await left_behind(room) == {}
    assert await vectors(room, service) == {}


@on_both_engines
async def test_a_person_who_was_forgotten_left_half_an_index(
    room: Halting, service: KnowledgeService, drain: Drain
) -> None:
    await drain(service.add_bytes("diary.md", LONG.encode(), base="@slack:U1"))
    async with aclosing(service.rebuild("@slack:U1")) as events:
        async for event in events:
            if event.passages > 256:  # a batch of the new index is written
                break
    assert await service.forget(ADA) == 1
    assert await vectors(room, service) == {}


async def test_a_person_who_was_forgotten_left_the_name_of_a_file(
    room: Halting, drain: Drain
) -> None:
    class Down(Room):
        async def embedder(self, base: str) -> Embedder:
            raise BackendUnavailable("The server is down.")

    service = Down(room.path, room.database, room.backend, room.web, room.stack).service()
    with pytest.raises(BackendUnavailable):
        await drain(service.add_bytes("diary.md", b"# Diary\n\nSecrets.", base="@slack:U1"))
    assert await service.unfinished() == ["diary.md"]
    assert await service.forget(ADA) == 0
    assert await service.unfinished() == []


async def test_a_document_that_was_removed_while_its_owner_was_forgotten_ended_in_a_trace(
    room: Halting, service: KnowledgeService, drain: Drain
) -> None:
    await drain(service.add_bytes("diary.md", b"# Diary\n\nSecrets.", base="@slack:U1"))
    (document,) = await service.list()
    removing = service.remove(document.id)
    count, gone = await asyncio.gather(service.forget(ADA), removing, return_exceptions=True)
    assert count == 1
    assert isinstance(gone, Document | NotFound), gone
    assert await left_behind(room) == {}
