"""The service through which the rest of Parlance adds, searches, lists and removes documents."""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

import structlog

from bot.catalogue.sentence import say
from bot.commands.checks import Asker
from bot.config.knowledge import KnowledgeSettings
from bot.errors import ParlanceError, StorageError, UsageError
from bot.knowledge.access import (
    ChannelsOf,
    ChosenBaseLookup,
    DocumentAccess,
    default_base,
    is_private,
    no_channels,
    nothing_chosen,
    private_base,
)
from bot.knowledge.changes import DocumentChanges
from bot.knowledge.citations.support import Support, check_support
from bot.knowledge.document_lookup import find_document, to_document
from bot.knowledge.index.chroma import ChromaIndex
from bot.knowledge.index.chroma_folder import ChromaFolder
from bot.knowledge.index.chroma_store import ChromaStore, VectorsUnavailable
from bot.knowledge.index.chroma_sync import are_all_searchable
from bot.knowledge.index.full_text_home import full_text_of
from bot.knowledge.index.rows import BaseRow, DocumentRow
from bot.knowledge.index.store import KnowledgeStore
from bot.knowledge.index.syncs import SyncStore
from bot.knowledge.index.versions import VersionStore
from bot.knowledge.ingestion.consistency import VerificationReport
from bot.knowledge.ingestion.ingest import is_outdated
from bot.knowledge.ingestion.jobs import IngestionJobs
from bot.knowledge.ingestion.open_jobs import RunningJob
from bot.knowledge.ingestion.resolution import Resolver, find_tokens
from bot.knowledge.ingestion.source_sync import Clock, SourceSync
from bot.knowledge.loading.document_reader import DocumentReader
from bot.knowledge.loading.sources import Fetcher, full_path
from bot.knowledge.retrieval.embedder import Embedder, EmbedderFactory, check_embedder
from bot.knowledge.retrieval.followup import combine_with_history, is_follow_up
from bot.knowledge.retrieval.query import Wording
from bot.knowledge.retrieval.reranking import Reranker
from bot.knowledge.retrieval.retriever import Retriever
from bot.processes.leases import Leases, OwnLeases
from bot.skills.document_tree import to_markdown
from bot.storage.database import Database
from bot.surrogates import repair_surrogates
from bot.types import Author
from bot.values import Change, Difference, Document, Ingested, Page, Passage, SearchResult

log = structlog.get_logger(__name__)

MAX_QUERY_CHARACTERS = 4_000
"""The longest question that is accepted."""
MAX_ALTERNATIVES = 3
"""The most alternative wordings of a question that are searched."""
ALTERNATIVE_WEIGHT = 0.3
"""The weight of an alternative wording; the question itself weighs 1."""
_SCHEDULE_MODULE = "bot.knowledge.ingestion.schedule"
_REPAIR_PAUSE_S = 30.0
"""The pause between two attempts to put vectors right."""
_COMPARISON_PERIOD_S = 300.0
"""How often what a Chroma server holds is compared with the database."""


def no_secret(name: str) -> str | None:
    """The secrets of a process that has none."""
    return None


def _chroma_store(
    database: Database,
    directory: Path,
    settings: KnowledgeSettings,
    secret: Callable[[str], str | None],
) -> ChromaStore:
    if settings.chroma is None:
        return ChromaFolder(directory)
    from bot.knowledge.index.chroma_server import ChromaServer
    from bot.storage.installation_id import installation_id

    name = settings.chroma_token_env
    token = secret(name) if name is not None else None
    return ChromaServer(
        settings.chroma, partial(installation_id, database), token, replaced=directory
    )


class KnowledgeService:
    """Adds, searches and maintains the documents; implements `bot.skills.services.Knowledge`.

    `directory` is Chroma's folder; it lies in the data directory, whose lock keeps other processes
    out. It is not used where the settings name a Chroma server. `document_reader` reads the
    documents; without one the service makes its own, with the loaders that ship. `leases` are those
    of the processes that share the database; without them this one is alone.
    """

    def __init__(
        self,
        database: Database,
        directory: Path,
        *,
        embedder: EmbedderFactory,
        fetcher: Fetcher,
        settings: KnowledgeSettings | None = None,
        document_reader: DocumentReader | None = None,
        chosen_base: ChosenBaseLookup = nothing_chosen,
        reranker: Reranker | None = None,
        channels_of: ChannelsOf = no_channels,
        clock: Clock = time.time,
        secret: Callable[[str], str | None] = no_secret,
        leases: Leases | None = None,
    ) -> None:
        self._settings = settings or KnowledgeSettings()
        self._access = DocumentAccess(self._settings.bases, chosen_base, channels_of)
        self._embedder = embedder
        self._embedders: dict[str, Embedder] = {}
        self._store = KnowledgeStore(database, self._settings.versions)
        self._changes = DocumentChanges(self._store, VersionStore(database))
        self._chroma = ChromaIndex(_chroma_store(database, directory, self._settings, secret))
        self._full_text = full_text_of(database, directory.parent)
        self._document_reader = document_reader or DocumentReader(settings=self._settings.loading)
        resolver = Resolver(
            fetcher,
            self._document_reader,
            directory.parent / "git",
            find_tokens(self._settings.sync, secret),
        )
        self._jobs = IngestionJobs(
            database,
            self._store,
            self._chroma,
            self._full_text,
            embedder=self._embedder_of,
            resolver=resolver,
            settings=self._settings,
            document_reader=self._document_reader,
            leases=leases or OwnLeases(),
        )
        self._syncs = SyncStore(database)
        self.source_sync = SourceSync(self._jobs, self._store, self._syncs, self._settings, clock)
        self._clock = clock
        self._retriever = Retriever(
            database,
            self._chroma,
            self._full_text,
            dense_weight=self._settings.dense_weight,
            evidence=self._settings.evidence,
            related=self._settings.related,
            late_interaction=self._settings.late_interaction,
            reranker=reranker,
        )

    # --- asking ----------------------------------------------------------------------------------

    async def bases(self, asker: Asker) -> Sequence[str]:
        """Returns the knowledge bases that may answer here and have documents, most specific first.

        `DocumentAccess.bases` says which those are.
        """
        stored = await self._store.base_names()
        return [name for name in await self._access.bases(asker) if name in stored]

    async def search(
        self,
        query: str,
        *,
        bases: Sequence[str] | None = None,
        limit: int = 8,
        before: Sequence[str] = (),
        beside: Sequence[str] = (),
    ) -> SearchResult:
        """Searches the bases (without `bases`, all that are for everybody); best passages first.

        `before` are the earlier questions of the conversation, oldest first: a short follow-up is
        searched together with them. `beside` are alternative wordings, which weigh less. Raises
        `UsageError` for a question that is too long, `Refused` if the embedder changed.
        """
        if len(query) > MAX_QUERY_CHARACTERS:
            raise UsageError(
                say(
                    "The question has {length:,} characters; shorten it to {limit:,}.",
                    length=len(query),
                    limit=MAX_QUERY_CHARACTERS,
                )
            )
        query = repair_surrogates(query)
        stored = await self._store.bases()
        names = bases if bases is not None else [*filter(self._access.is_for_everybody, stored)]
        searched_bases: dict[str, tuple[BaseRow, Embedder]] = {}
        for name in names:
            base = stored.get(name)
            if base is not None:
                embedder = await self._embedder_of(name)
                check_embedder(name, base.embedder, base.dimension, embedder)
                searched_bases[name] = (base, embedder)
        wordings = self._to_wordings(query, before)
        others = [
            Wording(one, ALTERNATIVE_WEIGHT) for one in beside[:MAX_ALTERNATIVES] if one != query
        ]
        found = await self._retriever.search([*wordings, *others], searched_bases, limit)
        searched = tuple(one.searched for one in (wordings[0], *others))
        return replace(found, searched=searched) if searched != (query.strip(),) else found

    def _to_wordings(self, query: str, before: Sequence[str]) -> list[Wording]:
        if before and self._settings.follow_ups and is_follow_up(query):
            return combine_with_history(query, before)
        return [Wording(query)]

    async def passage(self, passage: str) -> Passage | None:
        """Returns a passage by its id, or None if it is no longer stored."""
        return await self._retriever.passage(passage)

    async def list(self, base: str | None = None) -> Sequence[Document]:
        """Lists the documents of one base, or of all."""
        return [to_document(row) for row in await self._store.documents(base)]

    async def changes(self, since: datetime, base: str | None = None) -> Sequence[Change]:
        """Lists what became of the documents of a base, or of all, since then; newest first."""
        bases = [base] if base is not None else [*await self._store.bases()]
        return await self._changes.since(bases, since)

    async def difference(
        self, document: str, *, base: str | None = None, since: datetime | None = None
    ) -> Difference:
        """Returns what the last change of a document changed, or all changes since then.

        The document is given by id, location or unique title. Raises `NotFound`, `UsageError`.
        """
        return await self._changes.difference(await self._find(document, base), since)

    async def read(self, document: str, *, base: str | None = None) -> Page:
        """Returns a document as Markdown, given by id, location or unique title. Raises `NotFound`,
        `UsageError`."""
        row = await self._find(document, base)
        return Page(row.location, row.title, await self.text(row.id))

    async def text(self, document: str) -> str:
        """Returns the Markdown of a document by its id, or "" if there is none."""
        return await asyncio.to_thread(to_markdown, await self._store.blocks(document))

    async def check_support(self, answer: str, passages: Sequence[Passage]) -> tuple[Support, ...]:
        """Finds what an answer says that no passage has; `passages[0]` is `[1]`."""
        headings = [f"{passage.title}\n{passage.heading}" for passage in passages]
        texts = [passage.text for passage in passages]
        return await check_support(answer, texts, headings=headings)

    async def _embedder_of(self, base: str) -> Embedder:
        """Returns the embedder of a base; cached, since creating one may load a model."""
        kind = "" if is_private(base) else base
        if kind not in self._embedders:
            self._embedders[kind] = await self._embedder(base)
        return self._embedders[kind]

    # --- adding and removing ---------------------------------------------------------------------

    async def add(
        self, location: str, *, base: str | None = None, by: str = ""
    ) -> AsyncGenerator[Ingested, None]:
        """Adds a URL, a sitemap, a file or a folder, and yields the progress.

        Adding a folder or sitemap again removes the documents that are gone from it. A document of
        a folder or sitemap that cannot be read is reported as refused; for a single document
        `Refused`, `NotFound` or `Failed` is raised.
        """
        async with aclosing(self._jobs.add(location, base or self.default_base, by)) as events:
            async for event in events:
                yield event

    async def add_bytes(
        self, name: str, data: bytes, *, base: str | None = None, by: str = ""
    ) -> AsyncGenerator[Ingested, None]:
        """Adds an uploaded file, and yields the progress. Raises `Refused`."""
        async with aclosing(
            self._jobs.add_bytes(name, data, base or self.default_base, by)
        ) as events:
            async for event in events:
                yield event

    async def remove(self, document: str, *, base: str | None = None) -> Document:
        """Removes a document by id, location or unique title. Raises `NotFound`, `UsageError`."""
        row = await self._find(document, base)
        await self._jobs.remove(row)
        return to_document(row)

    def running(self, bases: Collection[str]) -> Sequence[RunningJob]:
        """Returns the jobs that add or sync documents of some bases now, the oldest first."""
        return self._jobs.running.on(bases)

    @property
    def default_base(self) -> str:
        """The base that new documents go to when none is named."""
        return default_base(self._settings.bases)

    # --- keeping in order ------------------------------------------------------------------------

    async def sync(self, base: str | None = None) -> AsyncGenerator[Ingested, None]:
        """Brings all sources, and those of config.yaml, up to date (`SourceSync.all`)."""
        async with aclosing(self.source_sync.all(base)) as events:
            async for event in events:
                yield event

    async def sync_when_due(self) -> None:
        """Syncs the sources of config.yaml that name a period; runs until cancelled."""
        schedule = await asyncio.to_thread(importlib.import_module, _SCHEDULE_MODULE)
        await schedule.SyncSchedule(self.source_sync, self._syncs, self._clock).run()

    async def rebuild(self, base: str | None = None) -> AsyncGenerator[Ingested, None]:
        """Builds a new index of a base and swaps it for the old one. Raises `NotFound`."""
        async with aclosing(self._jobs.rebuild(base or self.default_base)) as events:
            async for event in events:
                yield event

    async def verify(self) -> VerificationReport:
        """Checks that documents, full text and vectors agree, and repairs what does not."""
        return await self._jobs.verify()

    async def read_outdated(self) -> AsyncGenerator[Ingested, None]:
        """Reads again what an older release read (`SourceSync.outdated`)."""
        async with aclosing(self.source_sync.outdated()) as events:
            async for event in events:
                yield event

    async def outdated(self) -> Sequence[str]:
        """Returns the locations of what an older release read: uploads, to be added again."""
        return [row.location for row in await self._store.documents() if is_outdated(row)]

    async def unfinished(self) -> Sequence[str]:
        """Returns the locations whose ingestion was interrupted; `sync` continues them."""
        return [source.location for source in await self._store.sources() if not source.complete]

    async def forget(self, author: Author) -> int:
        """Deletes the private documents of a person and returns their number.

        Documents that they added for others stay; `bot.history.erasure` removes their name.
        """
        forgotten = await self._jobs.forget(private_base(author))
        await self._full_text.bring_up_to_date()
        await self._chroma.scrub()
        return forgotten

    async def start(self) -> None:
        """Lets go of what was forgotten while this process was not running; before anything is
        served. Raises `StorageError`."""
        await self._full_text.start()

    async def follow(self) -> None:
        """Takes in what other processes change of the documents; runs until cancelled."""
        await self._full_text.follow()

    async def warm(self) -> None:
        """Loads the embedders of all stored bases, and rebuilds missing vectors.

        Raises a `BackendError` if an embedder cannot be loaded.
        """
        for base in await self._store.bases():
            embedder = await self._embedder_of(base)
            await embedder.embed_query(["warm"])
        await self._jobs.repair_vectors(check_all=True)

    async def find_vector_problem(self) -> str:
        """Returns one sentence on what is wrong with the vectors, or "" if nothing is."""
        try:
            if await are_all_searchable(self._store, self._chroma):
                return ""
            reason: object = self._chroma.trouble
        except StorageError as exc:
            reason = exc
        if reason:
            return say("{reason} Until then documents are searched by words alone.", reason=reason)
        return say(
            "Some vectors of the documents are missing; `parlance docs verify` makes them again."
        )

    @property
    def vector_server(self) -> str:
        """The address of the Chroma server that has the vectors; "" where this process has them."""
        return self._chroma.server

    @property
    def vector_server_trouble(self) -> str:
        """Why that server could not be used when it was last spoken to; "" where it could."""
        return self._chroma.trouble

    async def repair_when_damaged(
        self, pause_s: float = _REPAIR_PAUSE_S, period_s: float = _COMPARISON_PERIOD_S
    ) -> None:
        """Rebuilds the vectors whenever a search finds them damaged, and keeps those in a server
        as the database says; runs until cancelled."""
        while True:
            await self._chroma.wait_for_trouble(period_s if self._chroma.server else None)
            try:
                if self._chroma.damaged:
                    await self.verify()
                elif self._chroma.server:
                    await self._jobs.comparison.run()
            except VectorsUnavailable:
                pass  # the index has said so, once
            except ParlanceError as exc:
                log.error("knowledge.vector_repair_failed", reason=str(exc))
            await asyncio.sleep(pause_s)

    async def aclose(self) -> None:
        """Let go of the index, and end what reads documents. Safe to call twice."""
        await self._document_reader.aclose()
        await self._chroma.aclose()
        await self._full_text.aclose()

    async def _find(self, name: str, base: str | None) -> DocumentRow:
        path = await asyncio.to_thread(full_path, name)
        return find_document(await self._store.documents(base), name, path)
