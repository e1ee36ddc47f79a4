"""Runs the jobs that add, sync, rebuild, verify and remove documents, one a base at a time."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from bot.catalogue.sentence import say
from bot.config.knowledge import KnowledgeSettings
from bot.config.secrets import find_secret_parameter
from bot.errors import NotFound, Refused, nearest
from bot.knowledge.access import is_private
from bot.knowledge.index.chroma import ChromaIndex
from bot.knowledge.index.chroma_store import IndexDamaged
from bot.knowledge.index.chroma_sync import are_all_searchable, reconcile
from bot.knowledge.index.full_text_home import FullText
from bot.knowledge.index.rows import BaseRow, DocumentRow, SourceRow
from bot.knowledge.index.store import KnowledgeStore
from bot.knowledge.ingestion.chunking import Chunker
from bot.knowledge.ingestion.comparison import VectorComparison
from bot.knowledge.ingestion.consistency import VerificationReport, verify
from bot.knowledge.ingestion.ingest import FoundItem, IngestionTarget, Ingestor, is_unchanged
from bot.knowledge.ingestion.open_jobs import RunningJobs
from bot.knowledge.ingestion.rebuild import drop_collections, next_generation, rebuild
from bot.knowledge.ingestion.resolution import Resolver
from bot.knowledge.ingestion.streams import in_parts, prepend
from bot.knowledge.loading.document_reader import DocumentReader
from bot.knowledge.loading.skipped_files import describe_skipped
from bot.knowledge.loading.sources import SourceItems, full_path, is_gone, is_url, upload_item
from bot.knowledge.retrieval.embedder import Embedder, EmbedderFactory, check_embedder
from bot.processes.leases import Leases, held
from bot.skills.document_loader import NoText
from bot.storage.database import Database
from bot.values import Ingested


class IngestionJobs:
    """The jobs on documents. Jobs on the same base wait for each other, in whichever process they
    are: `leases` are those of the processes that share the database."""

    def __init__(
        self,
        database: Database,
        store: KnowledgeStore,
        chroma: ChromaIndex,
        full_text: FullText,
        *,
        embedder: EmbedderFactory,
        resolver: Resolver,
        settings: KnowledgeSettings,
        document_reader: DocumentReader,
        leases: Leases,
    ) -> None:
        self._db = database
        self._leases = leases
        self._store = store
        self._chroma = chroma
        self._full_text = full_text
        self._embedder_of = embedder
        self._resolver = resolver
        self._settings = settings
        self._ingestor = Ingestor(store, chroma, document_reader)
        self._locks: dict[str, asyncio.Lock] = {}
        self.running = RunningJobs()
        self.comparison = VectorComparison(store, chroma, leases)

    # --- adding ----------------------------------------------------------------------------------

    async def add(self, location: str, base: str, by: str) -> AsyncGenerator[Ingested, None]:
        """Adds a URL, a sitemap, a file or a folder; see `KnowledgeService.add`."""
        if is_url(location) and (name := find_secret_parameter(location)):
            raise Refused(
                say(
                    "Whoever asks would see {name} in the source of an answer. Name a page without "
                    "it, or add the text or the file.",
                    name=name[:40],
                )
            )
        skipped: Counter[str] = Counter()
        async with aclosing(self.add_source(location, base, by, skipped)) as events:
            async for event in events:
                yield event
        if skipped:
            yield Ingested(location, 0, 0, "passed", describe_skipped(skipped))

    async def add_source(
        self, location: str, base: str, by: str, skipped: Counter[str]
    ) -> AsyncGenerator[Ingested, None]:
        """Does the work of `add`, and counts skipped files by kind in `skipped`."""
        self._check_name(base)
        with self.running.job(base, location, by) as job:
            await self.repair_vectors()
            try:
                found = await self._resolver.resolve(location, skipped)
            except NotFound:
                await self._forget_source(location, base)
                raise
            for place, why in found.refused:
                yield Ingested(place, 0, len(found.items), "refused", why)
            source = SourceRow(base, found.location, found.kind, by, complete=False)
            kept = frozenset(place for place, _ in found.refused) if found.complete else None
            async with aclosing(self._ingest(source, found.items, kept)) as events:
                async for event in events:
                    job.latest = event
                    yield event

    async def add_bytes(
        self, name: str, data: bytes, base: str, by: str
    ) -> AsyncGenerator[Ingested, None]:
        """Adds an uploaded file."""
        self._check_name(base)
        with self.running.job(base, name, by) as job:
            await self.repair_vectors()
            source = SourceRow(base, name, "upload", by, complete=False)
            async with aclosing(self._ingest(source, [upload_item(name, data)])) as events:
                async for event in events:
                    job.latest = event
                    yield event

    async def _ingest(
        self, source: SourceRow, items: SourceItems, kept: AbstractSet[str] | None = frozenset()
    ) -> AsyncGenerator[Ingested, None]:
        """Ingests the items of a source, and removes what it no longer has, unless it is in `kept`;
        nothing is removed if that is None, or if all pages are gone: then the server is broken.

        However many items and documents there are, only some of them are held at a time.
        """
        single = source.kind not in ("folder", "sitemap", "git")
        gone: dict[str, Ingested] = {}
        async with self._alone(source.base):
            await self._store.begin_source(source)
            done, total = 0, len(items)
            async with aclosing(self._read_items(source, items)) as events:
                async for event in events:
                    done += not event.passages_total
                    if single and event.state in ("refused", "gone"):
                        if not await self._store.documents_at(source.base, [event.location]):
                            await self._store.end_source(source, keep=False)
                            await self._drop_leftovers(source.base)
                        if event.unread_pages:
                            raise NoText(event.detail)
                        raise Refused(event.detail)
                    if event.state == "gone":
                        gone[event.location] = event
                    else:
                        yield replace(event, done=done, total=max(done, total))
            if not (single or kept is None or (gone and len(gone) == total)):
                async for row in self._vanished(source, items, kept, frozenset(gone)):
                    gone.pop(row.location, None)
                    await self._remove(row)
                    yield Ingested(row.location, done, max(done, total), "removed")
            for event in gone.values():
                yield replace(event, state="refused", done=done, total=max(done, total))
            await self._store.end_source(source)
            await self._drop_leftovers(source.base)

    async def _read_items(
        self, source: SourceRow, items: SourceItems
    ) -> AsyncGenerator[Ingested, None]:
        """Yields the outcome of each item; the embedder is loaded for the first that changed."""
        async with aclosing(self._look_up(source.base, items)) as looked_up:
            async for found in looked_up:
                if isinstance(found, Ingested):
                    yield found
                    continue
                target = await self._target(source)
                work = self._ingestor.ingest(target, prepend(found, looked_up))
                async with aclosing(work) as events:
                    async for event in events:
                        yield event

    async def _look_up(
        self, base: str, items: SourceItems
    ) -> AsyncGenerator[Ingested | FoundItem, None]:
        """Yields each item with the document that is stored of it; those that are unchanged as the
        outcome that they are."""
        async with aclosing(in_parts(items)) as parts:
            async for part in parts:
                known = await self._store.documents_at(base, [item.location for item in part])
                for item in part:
                    row = known.get(item.location)
                    yield (
                        Ingested(item.location, 0, 0, "unchanged")
                        if is_unchanged(row, item)
                        else FoundItem(item, row)
                    )

    async def _vanished(
        self,
        source: SourceRow,
        items: SourceItems,
        kept: AbstractSet[str],
        gone: AbstractSet[str],
    ) -> AsyncGenerator[DocumentRow, None]:
        """Yields the documents of a source that it no longer has."""
        there = set(kept)
        if source.kind != "folder":  # whether a file of a folder is there is asked of the file
            there |= await asyncio.to_thread(lambda: {item.location for item in items})
        there -= gone
        after = ""
        while rows := await self._store.page(source.base, after=after, source=source.location):
            after = rows[-1].location
            for row in await asyncio.to_thread(_find_vanished, rows, there):
                yield row

    async def _forget_source(self, location: str, base: str) -> None:
        """Forgets a source that no longer exists and has no stored document: no sync can continue
        it, and there is no document to remove."""
        location = await asyncio.to_thread(full_path, location)
        async with self._alone(base):
            for source in await self._store.sources(base):
                if (source.location, source.complete) != (location, False):
                    continue
                if not await self._store.page(base, source=location, limit=1):
                    await self._store.end_source(source, keep=False)
                    await self._drop_leftovers(base)

    async def _drop_leftovers(self, base: str) -> None:
        """Drops what interrupted ingestions left, unless a source is still to be continued."""
        left = await self._store.pending(base)
        if not left or any(
            not source.complete and source.kind != "upload"
            for source in await self._store.sources(base)
        ):
            return
        live = (await self._store.bases())[base]
        for _, generation, document in left:
            await self._store.unstage(document)
            if generation == live.generation:
                with self._chroma.postponing():
                    await reconcile(self._store, self._chroma, live, document)
            await self._store.settle(base, generation, [document])

    async def _target(self, source: SourceRow) -> IngestionTarget:
        embedder = await self._embedder_of(source.base)
        await self._store.make_base(BaseRow(source.base, embedder.id, embedder.dimension, 1))
        base = (await self._store.bases())[source.base]
        check_embedder(base.name, base.embedder, base.dimension, embedder)
        return IngestionTarget(
            base, embedder, self._chunker(embedder), source.added_by, source.location
        )

    def _chunker(self, embedder: Embedder) -> Chunker:
        return Chunker(embedder.count, embedder.window, self._settings.chunk_tokens, embedder.spans)

    # --- keeping in order ------------------------------------------------------------------------

    async def rebuild(self, base: str) -> AsyncGenerator[Ingested, None]:
        """Builds a new index of a base with the embedder that config.yaml names now, and swaps it
        for the old one. Raises `NotFound`."""
        await self.repair_vectors()
        async with self._alone(base):
            old = (await self._store.bases()).get(base)
            if old is None:
                raise NotFound(say("The knowledge base {base!r} has no documents.", base=base[:60]))
            embedder = await self._embedder_of(base)
            target = IngestionTarget(
                next_generation(old, embedder), embedder, self._chunker(embedder)
            )
            work = rebuild(self._db, self._store, self._chroma, target, old)
            async with aclosing(work) as events:
                async for event in events:
                    yield event

    async def verify(self) -> VerificationReport:
        """Checks that database, full text and vectors agree, and repairs what does not."""
        async with self._alone(*await self._store.bases()):
            return await verify(self._db, self._store, self._chroma, self._full_text)

    async def repair_vectors(self, *, check_all: bool = False) -> None:
        """Rebuilds the vectors if their files are damaged.

        With `check_all` also if some are missing or are not found by a search. What a server that
        cannot be used should have is left until it can.
        """
        if self._chroma.server:
            if check_all:
                with self._chroma.postponing():
                    await self.comparison.run(closely=True)
            return
        try:
            await self._chroma.check()
            if not check_all or await are_all_searchable(self._store, self._chroma):
                return
        except IndexDamaged:
            pass
        await self.verify()

    async def remove(self, row: DocumentRow) -> None:
        """Removes a document from the database and all indexes."""
        try:
            async with self._alone(row.base):
                if row.base in await self._store.bases():  # else it was forgotten meanwhile
                    await self._remove(row)
        except IndexDamaged:
            await self.verify()  # the vectors are made again without it

    async def forget(self, base: str) -> int:
        """Removes a whole base; returns the number of its documents."""
        async with self._alone(base):
            has_vectors = base in await self._store.bases()
            count = await self._store.forget(base)
            try:
                if has_vectors:
                    await drop_collections(self._chroma, base)
                return count
            except IndexDamaged:
                pass
        await self.verify()  # the vectors are made again without it
        return count

    async def _remove(self, row: DocumentRow) -> None:
        base = (await self._store.bases())[row.base]
        await self._store.remove(row, base.generation)
        with self._chroma.postponing():
            await reconcile(self._store, self._chroma, base, row.id)
        await self._store.settle(row.base, base.generation, [row.id])
        if row.source == row.location:
            source = SourceRow(row.base, row.location, "file", "", complete=True)
            await self._store.end_source(source, keep=False)

    @asynccontextmanager
    async def _alone(self, *names: str) -> AsyncIterator[None]:
        """Has some bases to itself, among the jobs of all processes."""
        async with AsyncExitStack() as stack:
            for name in sorted(names):
                lock = self._locks.setdefault(name, asyncio.Lock())
                await stack.enter_async_context(lock)
            async with held(self._leases, *map(_lease_of, names)):
                yield

    def _check_name(self, base: str) -> None:
        if base not in self._settings.bases and not is_private(base):
            near = nearest(base, self._settings.bases)
            hint = say(" Did you mean {near!r}?", near=near) if near else ""
            raise NotFound(
                say("There is no knowledge base {base!r}.{hint}", base=base[:60], hint=hint)
            )


def _lease_of(base: str) -> str:
    """The name of the lease of a base's jobs; it does not tell whose documents these are."""
    if is_private(base):
        base = hashlib.blake2b(base.encode(), digest_size=16).hexdigest()
    return f"documents:{base}"


def _find_vanished(rows: Sequence[DocumentRow], there: AbstractSet[str]) -> list[DocumentRow]:
    """Returns the documents that are not there; a file that was only skipped is kept."""
    missing = [row for row in rows if row.location not in there]
    return [row for row in missing if is_url(row.location) or is_gone(Path(row.location))]
