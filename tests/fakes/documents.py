"""A stage for skills on real documents: database, full text, vectors and embedder are the real
ones; the model that answers is a scripted one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from backends.base import Backend
from backends.scripted.backend import ScriptedBackend
from bot.commands.authorization import Authorizer
from bot.commands.declaration import Command
from bot.config.core import FetchSettings
from bot.config.knowledge import KnowledgeBase, KnowledgeSettings
from bot.knowledge.access import DocumentAccess
from bot.knowledge.retrieval.embedder import Embedder, create_embedder
from bot.knowledge.service import KnowledgeService
from bot.storage.database import Database
from bot.web.fetch import Fetcher
from plugins.ask_docs import ask
from tests.unit.plugins.stage import Said, Stage, stage


@dataclass
class Library:
    """A stage, its documents, and the folder that they come from."""

    on: Stage
    service: KnowledgeService
    folder: Path

    async def put(self, name: str, text: str, base: str = "default") -> None:
        """Add a document, or change it."""
        await self.fill({name: text}, base)

    async def fill(self, texts: Mapping[str, str], base: str = "default") -> None:
        """Add documents by their names, or change them."""
        folder = self.folder / base
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        where = folder if len(texts) > 1 else folder / next(iter(texts))
        async for event in self.service.add(str(where), base=base):
            assert event.state != "refused", event.detail

    async def ask(self, question: str) -> Said:
        """What `/ask` says."""
        return await self.on.call(ask, options={"question": question})


@asynccontextmanager
async def library(
    folder: Path,
    embedder_model: Backend,
    *backends: ScriptedBackend,
    bases: dict[str, KnowledgeBase] | None = None,
    commands: Sequence[Command] = (ask,),
) -> AsyncIterator[Library]:
    """An empty library whose questions are answered by the first of some models."""
    known = bases or {"default": KnowledgeBase(default=True)}
    found = await create_embedder(embedder_model, english=True)

    async def embedder(base: str) -> Embedder:
        return found

    async with stage(folder, *backends, commands=commands) as on:
        database = await Database.open(folder / "documents.db")
        service = KnowledgeService(
            database,
            folder / "chroma",
            embedder=embedder,
            fetcher=Fetcher(FetchSettings()),
            settings=KnowledgeSettings(bases=known),
        )
        standing = dict.fromkeys(("docs.read", "docs.add"), DocumentAccess(known))
        on.services = replace(
            on.services, knowledge=service, authorize=Authorizer(commands, standing=standing)
        )
        try:
            yield Library(on, service, folder / "put")
        finally:
            await service.aclose()
            await database.close()
