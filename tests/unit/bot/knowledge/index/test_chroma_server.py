"""Vectors in a Chroma server: as with a folder, and what happens where the server fails."""

from __future__ import annotations

import asyncio
import shutil
import time
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from backends.scripted.backend import ScriptedBackend
from bot.config.knowledge import KnowledgeSettings
from bot.knowledge.index.chroma import ChromaIndex
from bot.knowledge.index.chroma_folder import ChromaFolder
from bot.knowledge.index.chroma_server import ChromaServer
from bot.knowledge.index.chroma_store import VectorsUnavailable
from bot.knowledge.service import KnowledgeService
from bot.storage.database import Database
from bot.storage.installation_id import installation_id
from bot.types import Author
from tests.fakes.chroma_server import ChromaProcess, chroma_server, odd_server, reply
from tests.fakes.pages import PageServer
from tests.unit.bot.knowledge.conftest import Drain, Room
from tests.until import until

TOPICS = ("apples", "bridges", "castles", "dragons", "engines", "forests", "gardens", "harbours")
MINE = "@slack:U1"
_TOKEN = "abc-secret-token"
ADA = Author("slack", "U1", "Ada")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromaProcess]:
    """A server that no test stops, and that all others share, as installations do."""
    with chroma_server(tmp_path_factory.mktemp("chroma")) as server:
        yield server


@pytest.fixture
def own(tmp_path: Path) -> Iterator[ChromaProcess]:
    """A server that a test may do anything to."""
    with chroma_server(tmp_path / "server") as server:
        yield server


@pytest.fixture(autouse=True)
def short_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ChromaServer, "rest_s", 0.05)


def at(server: ChromaProcess) -> KnowledgeSettings:
    return KnowledgeSettings(chunk_tokens=60, chroma=server.address)


def index_of(room: Room, server: ChromaProcess) -> ChromaIndex:
    """What the server has of an installation, looked at beside it."""
    index = ChromaIndex(ChromaServer(server.address, lambda: installation_id(room.database)))
    room.stack.push_async_callback(index.aclose)
    return index


async def vectors(index: ChromaIndex) -> int:
    return sum([await index.count(name) for name in await index.names()])


def fill(room: Room, topics: tuple[str, ...] = TOPICS) -> str:
    for topic in topics:
        room.file(f"{topic}.md", f"# About {topic}\n\nEverything about {topic} is written here.\n")
    return str(room.path / "docs")


@asynccontextmanager
async def another_room(path: Path) -> AsyncIterator[Room]:
    async with AsyncExitStack() as stack:
        database = await Database.open(path / "parlance.db")
        stack.push_async_callback(database.close)
        backend = ScriptedBackend("embedder", dimension=64)
        web = await stack.enter_async_context(PageServer())
        yield Room(path, database, backend, web, stack)


@asynccontextmanager
async def mending(service: KnowledgeService) -> AsyncIterator[None]:
    """What a running bot does beside its turns."""
    task = asyncio.create_task(service.repair_when_damaged(pause_s=0.05, period_s=0.1))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until_there(index: ChromaIndex, count: int) -> None:
    """Wait until the server has so many vectors."""

    async def are_there() -> bool:
        try:
            return await vectors(index) == count
        except VectorsUnavailable:
            return False

    await until(are_there)


async def test_the_same_passages_are_found_in_the_same_order(
    room: Room, shared: ChromaProcess, drain: Drain, tmp_path: Path
) -> None:
    line = "The {} of part {} keeps {} things beside the old harbour, and nobody counts them."
    for topic in TOPICS:
        parts = (f"## Part {n}\n\n{line.format(topic, n, 7 * n)}\n" for n in range(4))
        room.file(f"{topic}.md", f"# About {topic}\n\n" + "\n".join(parts))
    async with another_room(tmp_path / "other") as other:
        embedded, served = room.service(), other.service(at(shared))
        for service in (embedded, served):
            await drain(service.add(str(room.path / "docs")))
        passages = sum(one.passages for one in await served.list())
        assert await vectors(index_of(other, shared)) == passages == 32
        for question in (*TOPICS, "who counts things?", "part 7 of the castles", "zebra"):
            here = await embedded.search(question, limit=20)
            there = await served.search(question, limit=20)
            assert [p.id for p in here.passages] == [p.id for p in there.passages]
            assert (here.confidence, here.evidence) == (there.confidence, there.evidence)


async def test_the_same_vectors_are_the_nearest(
    room: Room, shared: ChromaProcess, tmp_path: Path
) -> None:
    rows = np.random.default_rng(7).standard_normal((430, 64)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    ids = [f"d-{n}" for n in range(400)]
    indexes = (ChromaIndex(ChromaFolder(tmp_path / "chroma")), index_of(room, shared))
    for index in indexes:
        await index.upsert("passages-x-1", ids, ["d"] * len(ids), rows[:400])
    for row in rows[400:]:
        here, there = [await index.query("passages-x-1", row, 20) for index in indexes]
        assert [ident for ident, _ in here] == [ident for ident, _ in there]
        assert [c for _, c in here] == pytest.approx([c for _, c in there], abs=1e-5)
    await indexes[0].aclose()


async def test_documents_are_changed_removed_rebuilt_and_verified(
    room: Room, shared: ChromaProcess, drain: Drain
) -> None:
    service = room.service(at(shared))
    await drain(service.add(fill(room)))
    room.file("bridges.md", "# About bridges\n\nBridges cross rivers.\n")
    (room.path / "docs/apples.md").unlink()
    await drain(service.sync())
    index = index_of(room, shared)
    assert await vectors(index) == 7
    assert (await service.verify()).clean
    (before,) = await index.names()
    await service.aclose()
    room.embedder_id = "another"
    service = room.service(at(shared))
    await drain(service.rebuild())
    (after,) = await index.names()
    assert before != after
    assert (await service.search("castles")).passages[0].title == "About castles"
    assert (await service.verify()).clean
    assert not (room.path / "chroma").exists()


async def test_installations_that_share_a_server_leave_each_other_alone(
    room: Room, shared: ChromaProcess, drain: Drain, tmp_path: Path
) -> None:
    service = room.service(at(shared))
    await drain(service.add(fill(room)))
    async with another_room(tmp_path / "other") as other:
        beside = other.service(at(shared))
        await drain(beside.add(fill(other, TOPICS[:2])))
        assert (await beside.verify()).clean
        assert (await service.verify()).clean
        await index_of(other, shared).reset()
        assert await vectors(index_of(room, shared)) == len(TOPICS)
        assert (await beside.verify()).vectors_added == 2


async def test_processes_that_read_documents_in_at_once_do_not_harm_each_other(
    room: Room, shared: ChromaProcess, drain: Drain
) -> None:
    first, second, third = (room.service(at(shared)) for _ in range(3))
    folders = []
    for number in range(2):
        for n in range(40):
            text = f"# Number {number}-{n}\n\nSays what stands under {number}-{n}."
            folders.append(room.file(f"{number}/{n}.md", text).parent)
    await drain(first.add_bytes("first.md", b"# First\n\nMakes the base."))
    adding = asyncio.gather(
        drain(first.add(str(folders[0]))),
        drain(second.add(str(folders[-1]))),
        drain(first.add_bytes("mine.md", b"# Mine\n\nBlue whales.", base=MINE)),
    )
    async with mending(third):
        await asyncio.wait([adding])
    await adding
    assert await vectors(index_of(room, shared)) == 82
    assert (await first.verify()).clean
    assert await second.find_vector_problem() == ""


async def test_a_server_that_is_gone_and_comes_back(
    room: Room, own: ChromaProcess, drain: Drain
) -> None:
    service = room.service(at(own))
    await drain(service.add(fill(room)))
    own.stop()
    with capture_logs() as logs:
        for topic in TOPICS[:3]:
            found = await service.search(f"{topic} written")
            assert found.passages[0].title == f"About {topic}"
        added = await drain(service.add_bytes("new.md", b"# New\n\nIslands in the sea."))
        assert [event.state for event in added] == ["added"]
        await service.remove("About apples")
        await service.remove("About bridges")
    assert [one["event"] for one in logs] == ["knowledge.vectors_unavailable"]
    said = await service.find_vector_problem()
    assert f"{own.address} cannot be reached; look whether it runs. Until then" in said
    assert service.vector_server_trouble

    async with mending(service):
        own.start()
        await until_there(index_of(room, own), len(TOPICS) - 1)
        await until(lambda: not service.vector_server_trouble)
    assert await service.find_vector_problem() == ""
    assert (await service.verify()).clean


@pytest.mark.parametrize("beneath", [False, True], ids=["emptied", "folder removed beneath it"])
async def test_a_server_that_lost_everything_gets_its_vectors_again_without_the_embedder(
    room: Room, own: ChromaProcess, drain: Drain, *, beneath: bool
) -> None:
    service = room.service(at(own))
    await drain(service.add(fill(room)))
    if beneath:
        shutil.rmtree(own.folder)
        with capture_logs() as logs:
            added = await drain(service.add_bytes("new.md", b"# New\n\nIslands in the sea."))
            assert [event.state for event in added] == ["added"]
            assert (await service.search("castles")).passages[0].title == "About castles"
            async with mending(service):
                await asyncio.sleep(0.5)
        assert [one["event"] for one in logs] == ["knowledge.vectors_unavailable"]
        assert "its folder may be gone" in await service.find_vector_problem()
    own.stop()
    shutil.rmtree(own.folder, ignore_errors=True)
    own.start()
    embedded = len(room.backend.embedded)
    async with mending(service):
        await until_there(index_of(room, own), len(TOPICS) + beneath)
    assert len(room.backend.embedded) == embedded
    assert (await service.search("castles")).passages[0].title == "About castles"
    assert (await service.verify()).clean


async def test_vectors_of_a_person_who_was_forgotten_while_it_was_gone_go_later(
    room: Room, own: ChromaProcess, drain: Drain
) -> None:
    service = room.service(at(own))
    await drain(service.add(fill(room, TOPICS[:2])))
    await drain(service.add_bytes("mine.md", b"# Mine\n\nBlue whales.", base=MINE))
    index = index_of(room, own)
    assert len(await index.names()) == 2
    own.stop()
    assert await service.forget(ADA) == 1
    own.start()
    async with mending(service):
        await until_there(index, 2)
    assert len(await index.names()) == 1
    await drain(service.add_bytes("mine.md", b"# Mine\n\nBlue whales.", base=MINE))
    assert await service.forget(ADA) == 1
    assert len(await index.names()) == 1


async def test_the_folder_that_had_the_vectors_before_holds_none_of_them(
    room: Room, shared: ChromaProcess, drain: Drain
) -> None:
    embedded = room.service()
    await drain(embedded.add(fill(room)))
    await embedded.aclose()
    assert (room.path / "chroma" / "chroma.sqlite3").exists()
    service = room.service(at(shared))
    await service.warm()
    assert list((room.path / "chroma").iterdir()) == []
    assert await vectors(index_of(room, shared)) == len(TOPICS)


def page(handler: BaseHTTPRequestHandler) -> None:
    reply(handler, 200, b"<html>Hello.</html>", "text/html")


def other_json(handler: BaseHTTPRequestHandler) -> None:
    reply(handler, 404, b'{"message": "no such page"}', "application/json")


def old(handler: BaseHTTPRequestHandler) -> None:
    reply(handler, 200, b'"0.6.3"', "application/json")


def redirect(handler: BaseHTTPRequestHandler) -> None:
    reply(handler, 307, b"", "text/plain", Location="http://127.0.0.1:1/")


def broken_proxy(handler: BaseHTTPRequestHandler) -> None:
    reply(handler, 502, b"<html>Bad gateway</html>", "text/html")


def huge(handler: BaseHTTPRequestHandler) -> None:
    reply(handler, 200, b" " * 34_000_000, "application/json")


def locked(handler: BaseHTTPRequestHandler) -> None:
    reply(handler, 401, b"{}", "application/json")


def silent(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(5)


def trickling(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    for _ in range(99):
        handler.wfile.write(b" ")
        time.sleep(0.03)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (page, "is not one of Chroma, but something else"),
        (other_json, "does not answer as a Chroma server"),
        (old, "has version 0.6.3; Parlance needs one of version 1.x"),
        (redirect, "answers with a redirect, which is not followed"),
        (broken_proxy, "answers with the error 502"),
        (huge, "answers too much"),
        (locked, "asks for a token; see knowledge.chroma_token_env"),
        (silent, "does not answer in time"),
        (trickling, "does not answer in time"),
    ],
)
async def test_what_is_no_chroma_server_is_said_in_a_sentence(
    room: Room, monkeypatch: pytest.MonkeyPatch, drain: Drain, answer: object, said: str
) -> None:
    monkeypatch.setattr(
        ChromaServer, "read_timeout_s", 0.3 if answer in (silent, trickling) else 60
    )
    monkeypatch.setattr(ChromaServer, "write_timeout_s", 0.3 if answer is silent else 60)
    monkeypatch.setattr(ChromaServer, "rest_s", 60.0)
    embedded = room.service()
    await drain(embedded.add(fill(room)))
    with odd_server(answer) as address:  # type: ignore[arg-type]
        service = room.service(KnowledgeSettings(chroma=address))
        with capture_logs() as logs:
            for _ in range(3):
                found = await service.search("castles written")
                assert found.passages[0].title == "About castles"
        assert [one["event"] for one in logs] == ["knowledge.vectors_unavailable"]
        assert said in service.vector_server_trouble
        assert service.vector_server_trouble.endswith(".")
        assert said in await service.find_vector_problem()


async def test_a_token_is_sent_and_never_said(room: Room) -> None:
    """To a proxy, which may have the server at a path."""
    seen: list[tuple[str, str | None]] = []

    def guarded(handler: BaseHTTPRequestHandler) -> None:
        seen.append((handler.path, handler.headers["Authorization"]))
        reply(handler, 403, b"{}", "application/json")

    with odd_server(guarded) as address:
        index = ChromaIndex(
            ChromaServer(f"{address}/vectors/", partial(installation_id, room.database), _TOKEN)
        )
        with pytest.raises(VectorsUnavailable, match="refuses the token") as raised:
            await index.names()
        await index.aclose()
    assert seen == [("/vectors/api/v2/version", f"Bearer {_TOKEN}")]
    trace = "".join(traceback.format_exception(raised.value))
    assert _TOKEN not in f"{raised.value!r} {trace}"


async def test_a_rebuild_of_another_process_is_left_alone(
    room: Room, shared: ChromaProcess, drain: Drain
) -> None:
    service, other = room.service(at(shared)), room.service(at(shared))
    for number in range(110):  # more than are written together
        room.file(f"{number}.md", f"# Number {number}\n\nSays what stands under {number}.")
    await drain(service.add(fill(room)))
    async with aclosing(service.rebuild()) as events, mending(other):
        async for event in events:
            if event.done == 3:
                await asyncio.sleep(0.3)
    assert await vectors(index_of(room, shared)) == 118
    assert (await service.verify()).clean


async def test_a_call_that_is_broken_off_keeps_nobody_from_trying_again(
    room: Room, own: ChromaProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one call that tries a failed server holds up all others until it is done."""
    index = index_of(room, own)
    await index.names()
    own.stop()
    with pytest.raises(VectorsUnavailable):
        await index.names()
    own.start()
    await asyncio.sleep(ChromaServer.rest_s)
    trying = asyncio.create_task(index.names())
    await asyncio.sleep(0)
    trying.cancel()
    with suppress(asyncio.CancelledError):
        await trying
    assert await index.names() == set()


async def test_bases_are_compared_in_turn(
    room: Room, shared: ChromaProcess, monkeypatch: pytest.MonkeyPatch, drain: Drain
) -> None:
    """Of many bases a round counts some, and sees at once which have no collection at all."""
    monkeypatch.setattr("bot.knowledge.ingestion.comparison._MAX_COUNTED_BASES", 2)
    service, index = room.service(at(shared)), index_of(room, shared)
    for person in range(5):
        await drain(
            service.add_bytes("mine.md", b"# Mine\n\nBlue whales.", base=f"@slack:U{person}")
        )
    names = sorted(await index.names())
    for name in names[:3]:
        await index.delete(name, list(await index.ids(name)))
    await index.drop(names[3])
    assert await vectors(index) == 1
    async with mending(service):
        await until_there(index, 5)
