"""Jobs of two processes on the same documents: nothing is lost, and nothing is there twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from bot.background import background
from bot.config.knowledge import KnowledgeSettings
from bot.knowledge.index.chroma import ChromaIndex, collection_name
from bot.knowledge.index.chroma_server import ChromaServer
from bot.knowledge.index.tables import bases, documents, passages, pending
from bot.knowledge.service import KnowledgeService
from bot.processes.crew import open_crew
from bot.storage.database import Database
from bot.storage.installation_id import installation_id
from bot.values import Ingested
from tests.fakes.chroma_server import chroma_server
from tests.fakes.postgresql import PostgresqlServer
from tests.unit.bot.knowledge.conftest import Drain, Room
from tests.until import PATIENCE_S, until

TOPICS = [f"topic{number}" for number in range(60)]
LAMPS = b"# Lamps\n\nThe lamp burns colza oil in the tower.\n"


@dataclass
class Pair:
    """Two processes on one database and one Chroma server; the first has the topics."""

    first: KnowledgeService
    second: KnowledgeService
    database: Database
    vectors: ChromaIndex

    async def check(self, count: int) -> None:
        """So many documents are there, each with its passage and its vector, and no more."""
        async with self.database.read() as connection:
            (base,) = (await connection.execute(sa.select(bases))).all()
            known = set(await connection.scalars(sa.select(documents.c.id)))
            stored = (await connection.execute(sa.select(passages))).all()
            assert await connection.scalar(sa.select(sa.func.count()).select_from(pending)) == 0
        assert len(known) == len(stored) == count
        assert {row.document for row in stored} == known
        assert {row.generation for row in stored} == {base.generation}
        collection = collection_name(base.name, base.generation)
        assert await self.vectors.names() == {collection}
        assert await self.vectors.ids(collection) == {row.id for row in stored}
        for service in (self.first, self.second):
            found = await service.search("topic7", limit=3)
            assert found.passages[0].title == "About topic7"
            assert len({one.id for one in found.passages}) == len(found.passages)


@pytest.fixture
async def pair(
    tmp_path: Path, postgresql: PostgresqlServer, room: Room, drain: Drain
) -> AsyncIterator[Pair]:
    address = await asyncio.to_thread(postgresql.create)
    async with AsyncExitStack() as stack:
        server = await asyncio.to_thread(stack.enter_context, chroma_server(tmp_path / "server"))
        settings = KnowledgeSettings(chunk_tokens=60, chroma=server.address)
        services = []
        for name in ("one", "two"):
            folder = tmp_path / name
            await asyncio.to_thread(folder.mkdir)
            database = await Database.open(address)
            stack.push_async_callback(database.close)
            crew = await stack.enter_async_context(open_crew(database))
            process = Room(folder, database, room.backend, room.web, stack)
            services.append(process.service(settings, leases=crew.leases))
        index = ChromaIndex(ChromaServer(server.address, lambda: installation_id(database)))
        stack.push_async_callback(index.aclose)
        for topic in TOPICS:
            room.file(f"{topic}.md", f"# About {topic}\n\nAll about {topic} is written here.\n")
        await drain(services[0].add(str(room.path / "docs")))
        yield Pair(services[0], services[1], database, index)


async def beside(events: AsyncGenerator[Ingested, None], other: Coroutine[Any, Any, Any]) -> None:
    """Run something else while a job is half done, as far as it gets; both to their end."""
    task = None
    async with aclosing(events) as stream:
        async for _ in stream:
            if task is None:
                task = asyncio.create_task(other)
                await asyncio.wait([task], timeout=0.5)
    assert task is not None
    await asyncio.wait_for(task, PATIENCE_S)


async def test_a_document_that_is_added_during_a_rebuild_stays(pair: Pair, drain: Drain) -> None:
    await beside(pair.first.rebuild(), drain(pair.second.add_bytes("lamp.md", LAMPS)))
    await pair.check(len(TOPICS) + 1)


async def test_a_verification_takes_nothing_from_a_rebuild(pair: Pair) -> None:
    await beside(pair.first.rebuild(), pair.second.verify())
    await pair.check(len(TOPICS))


async def test_each_process_filled_an_emptied_server_with_all_vectors(pair: Pair) -> None:
    for name in await pair.vectors.names():
        await pair.vectors.drop(name)
    with capture_logs() as logs:
        async with AsyncExitStack() as stack:
            for service in (pair.first, pair.second):
                repairing = service.repair_when_damaged(pause_s=0.05, period_s=0.05)
                await stack.enter_async_context(background(repairing, "repairing"))
            await until(lambda: any(one["event"] == "knowledge.vectors_repaired" for one in logs))
            await asyncio.sleep(0.5)  # in which the other one looks, too
    await pair.check(len(TOPICS))
    added = [one["added"] for one in logs if one["event"] == "knowledge.vectors_repaired"]
    assert added == [len(TOPICS)]
