"""The documents as the rest of Parlance sees them: add, search, list, remove, keep up to date."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

from bot.checks import Asker
from bot.config.knowledge import KnowledgeSettings
from bot.database import Database
from bot.errors import NotFound, Refused, UsageError, nearest
from bot.knowledge.bases import bases_for, default_base, is_private
from bot.knowledge.chroma import ChromaIndex
from bot.knowledge.chunking import Chunker
from bot.knowledge.embedder import Embedder
from bot.knowledge.indexing import reconcile
from bot.knowledge.ingest import Ingestor, Target
from bot.knowledge.loader import Loader
from bot.knowledge.loaders import LOADERS
from bot.knowledge.reading import (
    Fetcher,
    Item,
    file_item,
    folder_items,
    full_path,
    is_url,
    upload_item,
)
from bot.knowledge.retriever import Retriever
from bot.knowledge.store import BaseRow, DocumentRow, KnowledgeStore, SourceRow
from bot.knowledge.web import page_items
from bot.skill import Document, Ingested, Passage, SearchResult

MAX_QUERY = 4_000

EmbedderOf = Callable[[str], Awaitable[Embedder]]
"""Gives the embedder of a knowledge base, by the base's name; may load it."""


class KnowledgeService:
    """Implements `bot.skill.Knowledge`.

    `directory` is Chroma's, inside the data directory, whose lock keeps other processes out.
    `loaders` are all that are to be used, those that ship included.
    """

    def __init__(
        self,
        database: Database,
        directory: Path,
        *,
        embedder: EmbedderOf,
        fetcher: Fetcher,
        settings: KnowledgeSettings | None = None,
        loaders: Sequence[Loader] = LOADERS,
    ) -> None:
        self._settings = settings or KnowledgeSettings()
        self._embedder_of = embedder
        self._fetcher = fetcher
        self._loaders = tuple(loaders)
        self._store = KnowledgeStore(database)
        self._chroma = ChromaIndex(directory)
        self._ingestor = Ingestor(self._store, self._chroma, self._loaders)
        self._retriever = Retriever(
            database,
            self._chroma,
            dense_weight=self._settings.dense_weight,
            evidence=self._settings.evidence,
        )
        self._locks: dict[str, asyncio.Lock] = {}

    # --- asking ----------------------------------------------------------------------------------

    async def bases(self, asker: Asker) -> Sequence[str]:
        """Knowledge bases that may answer here and have documents, the nearest first."""
        stored = await self._store.bases()
        return [name for name in bases_for(asker, self._settings.bases) if name in stored]

    async def search(
        self, query: str, *, bases: Sequence[str] | None = None, limit: int = 8
    ) -> SearchResult:
        """Passages that answer, best first. Without `bases`: all but private ones.

        Raises `UsageError` for a question that is too long, `Refused` where the embedder changed.
        """
        if len(query) > MAX_QUERY:
            raise UsageError(
                f"The question has {len(query):,} characters; shorten it to {MAX_QUERY:,}."
            )
        stored = await self._store.bases()
        names = bases if bases is not None else [name for name in stored if not is_private(name)]
        asked: dict[str, tuple[BaseRow, Embedder]] = {}
        for name in names:
            if name in stored:
                embedder = await self._embedder_of(name)
                _check_embedder(stored[name], embedder)
                asked[name] = (stored[name], embedder)
        return await self._retriever.search(query, asked, limit)

    async def passage(self, passage: str) -> Passage | None:
        """A passage by its id; None where it is no longer in the documents."""
        return await self._retriever.passage(passage)

    async def list(self, base: str | None = None) -> Sequence[Document]:
        """Every document, of one base or of all."""
        return [_document(row) for row in await self._store.documents(base)]

    # --- adding ----------------------------------------------------------------------------------

    async def add(
        self, location: str, *, base: str | None = None, by: str = ""
    ) -> AsyncGenerator[Ingested, None]:
        """Read a URL, a sitemap, a file or a folder in.

        In a folder or sitemap what cannot be read is reported as refused; a single document
        raises `Refused`, `NotFound` or `Failed`.
        """
        async with aclosing(self._read_in(location, base or self.default, by)) as events:
            async for event in events:
                yield event

    async def add_bytes(
        self, name: str, data: bytes, *, base: str | None = None, by: str = ""
    ) -> AsyncGenerator[Ingested, None]:
        """Read an uploaded file in. Raises `Refused`."""
        base = base or self.default
        item = upload_item(name, data)
        source = SourceRow(base, name, "upload", by, complete=False)
        async with aclosing(self._ingest(source, [item], single=True)) as events:
            async for event in events:
                yield event

    @property
    def default(self) -> str:
        """The base that takes documents where none is named."""
        return default_base(self._settings.bases)

    async def _read_in(self, location: str, base: str, by: str) -> AsyncGenerator[Ingested, None]:
        refused: list[tuple[str, str]] = []
        items: list[Item]
        if is_url(location):
            kind, items = await page_items(location, self._fetcher)
        else:
            location = full_path(location)
            path = Path(location)
            if await asyncio.to_thread(path.is_dir):
                kind = "folder"
                items, refused = await asyncio.to_thread(folder_items, path, self._loaders)
                if not items and not refused:
                    raise Refused(f"The folder {path} has no document that can be read.")
            else:
                kind, items = "file", [await asyncio.to_thread(file_item, path)]
        source = SourceRow(base, location, kind, by, complete=False)
        single = kind in ("file", "page")
        for place, why in refused:
            yield Ingested(place, 0, len(items), "refused", why)
        async with aclosing(self._ingest(source, items, single=single)) as events:
            async for event in events:
                yield event

    async def _ingest(
        self, source: SourceRow, items: Sequence[Item], *, single: bool
    ) -> AsyncGenerator[Ingested, None]:
        self._check_name(source.base)
        async with self._lock(source.base):
            target = await self._target(source)
            known = {row.location: row for row in await self._store.documents(source.base)}
            await self._store.begin_source(source)
            async with aclosing(self._ingestor.ingest(target, items, known)) as events:
                async for event in events:
                    if single and event.state == "refused":
                        if items[0].location not in known:
                            await self._store.end_source(source.base, source.location, keep=False)
                        raise Refused(event.detail)
                    yield event
            await self._store.end_source(source.base, source.location)

    async def _target(self, source: SourceRow) -> Target:
        embedder = await self._embedder_of(source.base)
        base = BaseRow(source.base, embedder.id, embedder.dimension, 1)
        await self._store.make_base(base)
        base = (await self._store.bases())[source.base]
        _check_embedder(base, embedder)
        chunker = Chunker(embedder.count, embedder.window, self._settings.chunk_tokens)
        return Target(base, embedder, chunker, source.added_by, source.location)

    # --- removing --------------------------------------------------------------------------------

    async def remove(self, document: str, *, base: str | None = None) -> Document:
        """Remove by id, location or unique title. Raises `NotFound`, `UsageError`."""
        row = await self._find(document, base)
        async with self._lock(row.base):
            await self._remove(row)
        return _document(row)

    async def _remove(self, row: DocumentRow) -> None:
        base = (await self._store.bases())[row.base]
        await self._store.remove(row, base.generation)
        await reconcile(self._store, self._chroma, base, row.id)
        await self._store.settle(row.base, base.generation, [row.id])
        if row.source == row.location:
            await self._store.end_source(row.base, row.location, keep=False)

    async def _find(self, name: str, base: str | None) -> DocumentRow:
        rows = await self._store.documents(base)
        path = full_path(name)
        for row in rows:
            if name == row.id or row.location in (name, path):
                return row
        wanted = name.casefold()
        titled = [
            row
            for row in rows
            if wanted in (row.title.casefold(), Path(row.location).name.casefold())
        ]
        if len(titled) == 1:
            return titled[0]
        if titled:
            raise UsageError(
                f"{len(titled)} documents are called {name[:100]!r}; name one by its id: "
                + ", ".join(row.id for row in titled[:5])
                + "."
            )
        near = nearest(name, [row.title for row in rows] + [row.location for row in rows])
        hint = f" Did you mean {near!r}?" if near else ""
        raise NotFound(f"There is no document {name[:100]!r}.{hint}")

    # --- stopping --------------------------------------------------------------------------------

    async def aclose(self) -> None:
        """Let go of the index. Safe to call twice."""
        await self._chroma.aclose()

    def _lock(self, base: str) -> asyncio.Lock:
        return self._locks.setdefault(base, asyncio.Lock())

    def _check_name(self, base: str) -> None:
        if base not in self._settings.bases and not is_private(base):
            near = nearest(base, self._settings.bases)
            hint = f" Did you mean {near!r}?" if near else ""
            raise NotFound(
                f"There is no knowledge base {base[:60]!r} in config.yaml (knowledge.bases).{hint}"
            )


def _check_embedder(base: BaseRow, embedder: Embedder) -> None:
    if (base.embedder, base.dimension) != (embedder.id, embedder.dimension):
        raise Refused(
            f"The documents of {base.name!r} were read with the embedder {base.embedder}, and "
            f"config.yaml names {embedder.id}; run: parlance docs rebuild {base.name}"
        )


def _document(row: DocumentRow) -> Document:
    return Document(
        id=row.id,
        base=row.base,
        title=row.title,
        location=row.location,
        passages=row.passages,
        characters=row.characters,
        at=datetime.fromtimestamp(row.at, UTC),
        added_by=row.added_by,
    )
