"""A knowledge service on a real database and a real Chroma, with a deterministic embedder.

The database is a file of SQLite; a test that is marked with `on_both_engines` runs at a PostgreSQL
server, too.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from backends.scripted.backend import ScriptedBackend
from bot.config.core import FetchSettings
from bot.config.knowledge import KnowledgeSettings
from bot.knowledge.ingestion.source_sync import Clock
from bot.knowledge.retrieval.embedder import Embedder, EmbedderFactory
from bot.knowledge.retrieval.reranking import Reranker
from bot.knowledge.service import KnowledgeService
from bot.processes.leases import Leases
from bot.storage.address import DatabaseAddress
from bot.storage.database import Database
from bot.values import Ingested
from bot.web.fetch import Fetcher
from tests.databases import ENGINES
from tests.fakes.pages import PageServer
from tests.fakes.postgresql import PostgresqlServer

on_both_engines = pytest.mark.parametrize("room_address", ENGINES, indirect=True)


def words(text: str) -> int:
    """Tokens of the scripted embedder."""
    return len(text.split())


@dataclass(slots=True)
class Room:
    """Where documents live in a test. `service()` opens it again, as after a restart."""

    path: Path
    database: Database
    backend: ScriptedBackend
    web: PageServer
    stack: AsyncExitStack
    embedder_id: str = "scripted-1"

    async def embedder(self, base: str) -> Embedder:
        return Embedder(self.embedder_id, 64, 120, self.backend.embed, words, english=False)

    def service(
        self,
        settings: KnowledgeSettings | None = None,
        *,
        reranker: Reranker | None = None,
        clock: Clock = time.time,
        embedder: EmbedderFactory | None = None,
        leases: Leases | None = None,
    ) -> KnowledgeService:
        limits = FetchSettings(allow_hosts=(f"127.0.0.1:{self.web.port}",))
        service = KnowledgeService(
            self.database,
            self.path / "chroma",
            embedder=embedder or self.embedder,
            fetcher=Fetcher(limits),
            settings=settings or KnowledgeSettings(chunk_tokens=60),
            reranker=reranker,
            clock=clock,
            leases=leases,
        )
        self.stack.push_async_callback(service.aclose)
        return service

    def file(self, name: str, text: str | bytes) -> Path:
        path = self.path / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path


@pytest.fixture
def room_address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DatabaseAddress]:
    if getattr(request, "param", "sqlite") == "sqlite":
        yield tmp_path / "parlance.db"
        return
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    made = server.create()
    yield made
    server.drop(made)


@pytest.fixture
async def room(tmp_path: Path, room_address: DatabaseAddress) -> AsyncIterator[Room]:
    async with AsyncExitStack() as stack:
        database = await Database.open(room_address)
        stack.push_async_callback(database.close)
        backend = ScriptedBackend("embedder", dimension=64)
        web = await stack.enter_async_context(PageServer())
        yield Room(tmp_path, database, backend, web, stack)


@pytest.fixture
def service(room: Room) -> KnowledgeService:
    return room.service()


Drain = Callable[[AsyncGenerator[Ingested, None]], Coroutine[Any, Any, list[Ingested]]]


@pytest.fixture
def drain() -> Drain:
    """Runs an ingestion to its end; what it says within long documents is left out."""

    async def run(events: AsyncGenerator[Ingested, None]) -> list[Ingested]:
        async with aclosing(events) as stream:
            return [event async for event in stream if not event.passages_total]

    return run
