"""Keeping documents up to date: sync, rebuild, verify, and what an interruption leaves."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from bot.commands.checks import Asker
from bot.config.knowledge import KnowledgeBase, KnowledgeSettings, SyncSource
from bot.errors import NotFound
from bot.knowledge.index.chroma import ChromaIndex
from bot.knowledge.index.chroma_folder import ChromaFolder
from bot.knowledge.index.full_text import table_name
from bot.knowledge.index.tables import pending, staged
from bot.knowledge.service import KnowledgeService
from bot.types import Author, ConversationKey
from tests.unit.bot.knowledge.conftest import Drain, Room, on_both_engines

TOPICS = ("apples", "bridges", "castles", "dragons", "engines", "forests", "gardens", "harbours")


def fill(room: Room, topics: tuple[str, ...] = TOPICS) -> str:
    for topic in topics:
        room.file(f"{topic}.md", f"# About {topic}\n\nEverything about {topic} is written here.\n")
    return str(room.path / "docs")


async def count(room: Room, table: sa.Table) -> int:
    async with room.database.read() as connection:
        return int(await connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)


@on_both_engines
async def test_sync_adds_changes_and_removes(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    await drain(service.add(fill(room)))
    (room.path / "docs/apples.md").unlink()
    room.file("bridges.md", "# About bridges\n\nBridges cross rivers.\n")
    room.file("islands.md", "# About islands\n\nIslands are surrounded by water.\n")
    events = {e.location.rpartition("/")[2]: e.state for e in await drain(service.sync())}
    assert events.pop("apples.md") == "removed"
    assert events.pop("bridges.md") == "changed"
    assert events.pop("islands.md") == "added"
    assert set(events.values()) == {"unchanged"}
    assert (await service.search("what surrounds islands?")).passages[0].title == "About islands"
    titles = [d.title for d in await service.list()]
    assert "About apples" not in titles
    assert len(titles) == 8
    assert (await service.verify()).clean


async def test_sync_reads_the_folders_of_the_configuration(room: Room, drain: Drain) -> None:
    folder = fill(room, TOPICS[:2])
    service = room.service(KnowledgeSettings(sync=(SyncSource(path=Path(folder)),)))
    assert [e.state for e in await drain(service.sync())] == ["added", "added"]
    assert [e.state for e in await drain(service.sync())] == ["unchanged", "unchanged"]


async def test_a_folder_that_is_not_there_does_not_take_its_documents_away(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    folder = fill(room, TOPICS[:2])
    await drain(service.add(folder))
    shutil.move(folder, room.path / "elsewhere")
    events = await drain(service.sync())
    assert [e.state for e in events] == ["refused"]
    assert "There is no file or folder" in events[0].detail
    assert len(await service.list()) == 2
    (room.path / "docs").mkdir()  # a mount point without its disk
    assert [e.state for e in await drain(service.sync())] == ["refused"]
    assert len(await service.list()) == 2


async def test_an_ingestion_that_is_stopped_goes_on_where_it_was(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    folder = fill(room, tuple(f"{topic}{n}" for topic in TOPICS for n in range(40)))
    async with aclosing(service.add(folder)) as events:
        async for event in events:
            assert event.state == "added"
            break
    done = len(await service.list())
    assert 0 < done < 320
    assert await service.unfinished() == [folder]
    found = [e.state for e in await drain(service.sync())]
    assert found.count("unchanged") == done
    assert found.count("added") == 320 - done
    assert await service.unfinished() == []
    assert (await service.verify()).clean


@on_both_engines
async def test_half_a_document_is_never_found_and_its_vectors_are_used_again(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    long = "".join(f"## Part {n}\n\n{'word ' * 40}number{n} ends here.\n\n" for n in range(900))
    path = room.file("long.md", f"# Long\n\n{long}")
    adding = asyncio.create_task(drain(service.add(str(path))))
    while await count(room, staged) < 60:
        assert not adding.done()
        await asyncio.sleep(0.005)
    adding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await adding
    assert (await service.search("number5 ends here")).passages == ()
    kept = await count(room, staged)
    assert await count(room, pending) == 1
    assert (await service.verify()).unfinished == (str(path),)
    assert (await service.verify()).clean
    assert (await count(room, staged), await count(room, pending)) == (kept, 1)
    before = sum(map(len, room.backend.embedded))
    assert [e.state for e in await drain(service.add(str(path)))] == ["added"]
    assert sum(map(len, room.backend.embedded)) - before <= 900 - kept
    assert await count(room, staged) == await count(room, pending) == 0
    assert (await service.search("number5 ends here")).passages
    assert (await service.verify()).clean


@on_both_engines
async def test_what_nobody_goes_on_with_is_not_kept(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    long = "".join(f"## Part {n}\n\n{'word ' * 40}number{n} ends here.\n\n" for n in range(900))
    adding = asyncio.create_task(drain(service.add_bytes("long.md", long.encode())))
    while await count(room, staged) < 60:
        assert not adding.done()
        await asyncio.sleep(0.005)
    adding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await adding
    assert (await service.verify()).vectors_removed >= 60  # no sync reads an upload
    assert await count(room, staged) == await count(room, pending) == 0
    assert (await service.verify()).clean


async def test_a_document_of_several_batches_leaves_nothing_staged(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    text = "\n\n".join(f"# Part {n}\n\n" + f"Number {n} is told of here. " * 10 for n in range(60))
    await drain(service.add(str(room.file("long.md", text))))
    assert await count(room, staged) == await count(room, pending) == 0
    found = await service.search("number 59")
    assert "Number 59" in found.passages[0].text


@on_both_engines
async def test_a_search_during_a_change_sees_the_old_text_or_the_new(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    def text(mark: str) -> str:
        line = "lighthouse keeps the ships of the bay away from its rocks and shines"
        parts = (f"## Part {n}\n\nThe {mark} {line} at mile {n}.\n" for n in range(30))
        return "# Lights\n\n" + "\n".join(parts)

    path = room.file("lights.md", text("red"))
    await drain(service.add(str(path)))
    seen: set[frozenset[str]] = set()
    for mark in ("green", "blue", "red"):
        path.write_text(text(mark))
        adding = asyncio.create_task(drain(service.add(str(path))))
        while not adding.done():
            found = await service.search("lighthouse shines", limit=50)
            seen.add(frozenset(p.text.split()[1] for p in found.passages))
            assert len(found.passages) >= 20
    assert all(len(marks) == 1 for marks in seen), seen


@on_both_engines
async def test_rebuild_takes_another_embedder(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    await drain(service.add(fill(room)))
    await service.aclose()
    room.embedder_id = "another"
    service = room.service()
    events = await drain(service.rebuild())
    assert (events[-1].state, events[-1].detail) == ("changed", "8 documents")
    assert (await service.search("castles")).passages[0].title == "About castles"
    assert (await service.verify()).clean


async def test_rebuild_of_an_unknown_base_is_refused(
    service: KnowledgeService, drain: Drain
) -> None:
    with pytest.raises(NotFound, match="'nothing' has no documents"):
        await drain(service.rebuild("nothing"))


@on_both_engines
async def test_a_rebuild_that_is_stopped_leaves_the_old_index(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    for number in range(250):  # more than are written together
        room.file(f"{number}.md", f"# Number {number}\n\nSays what stands under {number}.")
    await drain(service.add(fill(room)))
    async with aclosing(service.rebuild()) as events:
        async for event in events:
            if event.done == 3:
                break
    assert (await service.search("castles")).passages[0].title == "About castles"
    verified = await service.verify()
    assert 0 < verified.orphan_passages < 250
    assert verified.collections_dropped == 1
    assert (await service.verify()).clean
    await drain(service.rebuild())
    assert (await service.verify()).clean
    assert (await service.search("castles")).passages[0].title == "About castles"


async def test_verify_puts_vectors_and_full_text_right(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    await drain(service.add(fill(room)))
    ids = [p.id for p in (await service.search("everything written here", limit=50)).passages]
    await service.aclose()
    chroma = ChromaIndex(ChromaFolder(room.path / "chroma"))
    (name,) = await chroma.names()
    await chroma.delete(name, ids[:2])
    stranger = np.full((1, 64), 0.125, dtype=np.float32)
    await chroma.upsert(name, ["stranger-1"], ["stranger"], stranger)
    await chroma.aclose()

    table = table_name("default")

    def harm(connection: sa.Connection) -> None:
        connection.execute(sa.text(f"DELETE FROM {table} WHERE rowid IN (1, 2, 3)"))
        connection.execute(sa.text(f"INSERT INTO {table} (rowid, body) VALUES (4000, 'nobody')"))

    await room.database.write(harm)
    service = room.service()
    verified = await service.verify()
    assert (verified.documents, verified.passages) == (8, 8)
    assert (verified.vectors_added, verified.vectors_removed) == (2, 1)
    assert (verified.full_text_added, verified.full_text_removed) == (3, 1)
    assert (await service.verify()).clean
    for topic in TOPICS:
        assert (await service.search(topic)).passages[0].title == f"About {topic}"


@on_both_engines
async def test_bases_answer_where_they_are_bound(room: Room, drain: Drain) -> None:
    service = room.service(
        KnowledgeSettings(
            bases={
                "default": KnowledgeBase(default=True),
                "hr": KnowledgeBase(channels=("slack:T1:C1",)),
                "all": KnowledgeBase(workspaces=("slack:T1",)),
            }
        )
    )
    for base in ("default", "hr", "all", "@slack:U1"):
        await drain(service.add_bytes("a.md", f"# {base}\n\nSalaries.".encode(), base=base))
    person = Author("slack", "U1", "Ada")

    def asker(workspace: str, channel: str, *, direct: bool = False) -> Asker:
        return Asker(person, ConversationKey("slack", workspace, channel, "t"), direct)

    assert await service.bases(asker("T1", "C1")) == ["hr", "all"]
    assert await service.bases(asker("T1", "C2")) == ["all"]
    assert await service.bases(asker("T2", "C1")) == ["default"]
    assert await service.bases(asker("T1", "D1", direct=True)) == ["@slack:U1", "all"]
    found = await service.search("salaries", bases=["hr"])
    assert {p.base for p in found.passages} == {"hr"}
    everyone = await service.search("salaries")
    assert {p.base for p in everyone.passages} == {"default", "hr", "all"}


@on_both_engines
async def test_what_a_person_added_goes_when_they_are_forgotten(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    await drain(service.add_bytes("a.md", b"# Diary\n\nSecrets.", base="@slack:U1"))
    assert await service.forget(Author("slack", "U1", "Ada")) == 1
    assert await service.forget(Author("slack", "U1", "Ada")) == 0
    assert await service.list() == []
    assert (await service.search("secrets", bases=["@slack:U1"])).passages == ()
    assert (await service.verify()).clean
