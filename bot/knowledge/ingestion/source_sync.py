"""Brings the sources of documents up to date, one after another, and records how that went."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

from backends.errors import BackendError
from bot.catalogue.sentence import say
from bot.config.knowledge import KnowledgeSettings, SyncSource
from bot.errors import ParlanceError, UserFacingError
from bot.knowledge.access import default_base
from bot.knowledge.index.rows import SourceRow
from bot.knowledge.index.store import KnowledgeStore
from bot.knowledge.index.syncs import SyncStore
from bot.knowledge.ingestion.ingest import is_outdated
from bot.knowledge.ingestion.jobs import IngestionJobs
from bot.knowledge.loading.git_location import git_location
from bot.knowledge.loading.skipped_files import describe_skipped
from bot.knowledge.loading.sources import full_path
from bot.values import Ingested, SyncFailure

Clock = Callable[[], float]
"""Returns the time, in seconds since 1970, as `time.time` does."""
_UNEXPECTED = say("An unexpected error; see the log.")


class SourceSync:
    """Reads sources again. One is read at a time, whoever asks for it."""

    def __init__(
        self,
        jobs: IngestionJobs,
        store: KnowledgeStore,
        syncs: SyncStore,
        settings: KnowledgeSettings,
        clock: Clock = time.time,
    ) -> None:
        self._jobs = jobs
        self._store = store
        self._syncs = syncs
        self._settings = settings
        self._clock = clock
        self._lock = asyncio.Lock()
        self.unread: dict[tuple[str, str], int] = {}
        """How many documents of a source, by base and location, were refused when it was last
        read; without those of which all could be read."""

    async def all(self, base: str | None = None) -> AsyncGenerator[Ingested, None]:
        """Brings all sources, and those of config.yaml, up to date.

        What changed is read again, what vanished from a folder, a sitemap or a repository is
        removed, what was interrupted goes on. What cannot be read is reported and kept as it was.
        """
        sources = [s for s in await self._store.sources(base) if s.kind != "upload"]
        known = {(s.base, s.location) for s in sources}
        for _, source in await self.configured():
            if (source.base, source.location) not in known and base in (None, source.base):
                sources.append(source)
        async with aclosing(self._read(sources)) as events:
            async for event in events:
                yield event

    async def at_start(self) -> AsyncGenerator[Ingested, None]:
        """Brings up to date what config.yaml names and no schedule does: folders that are there,
        and what was never read."""
        known = {(s.base, s.location) for s in await self._store.sources()}
        known |= set(await self._syncs.all())
        sources = []
        for entry, source in await self.configured():
            if entry.is_folder and not await asyncio.to_thread(Path(source.location).is_dir):
                continue
            often = entry.is_folder and entry.every is None
            if often or (source.base, source.location) not in known:
                sources.append(source)
        async with aclosing(self._read(sources)) as events:
            async for event in events:
                yield event

    async def outdated(self) -> AsyncGenerator[Ingested, None]:
        """Reads again what older loaders read, as far as it can be fetched again (not uploads)."""
        old = {(row.base, row.source) for row in await self._store.documents() if is_outdated(row)}
        sources = [s for s in await self._store.sources() if (s.base, s.location) in old]
        again = [source for source in sources if source.kind != "upload"]
        async with aclosing(self._read(again)) as events:
            async for event in events:
                yield event

    async def configured(self) -> list[tuple[SyncSource, SourceRow]]:
        """Returns the sources of config.yaml, as they are written there and as they are stored."""
        usual = default_base(self._settings.bases)
        return [
            (entry, SourceRow(entry.base or usual, await _location(entry), "", "", complete=False))
            for entry in self._settings.sync
        ]

    async def failures(self) -> Sequence[SyncFailure]:
        """Returns the sources that could not be read when they were last synced."""
        known = {(s.base, s.location) for s in await self._store.sources()}
        known |= {(s.base, s.location) for _, s in await self.configured()}
        return [
            SyncFailure(row.location, row.base, datetime.fromtimestamp(since, UTC), row.failure)
            for key, row in (await self._syncs.all()).items()
            if key in known and (since := row.failed_at) is not None
        ]

    async def one(self, source: SourceRow, skipped: Counter[str]) -> AsyncGenerator[Ingested, None]:
        """Brings one source up to date, and records that. Raises what keeps it from being read."""
        refused = 0
        async with self._lock:
            events = self._jobs.add_source(source.location, source.base, source.added_by, skipped)
            try:
                async with aclosing(events) as stream:
                    async for event in stream:
                        refused += event.state == "refused"
                        yield event
            except Exception as exc:
                known = isinstance(exc, ParlanceError | BackendError)
                await self._record(source, str(exc) if known else _UNEXPECTED)
                raise
            await self._record(source)
            self.unread.pop((source.base, source.location), None)
            if refused:
                self.unread[source.base, source.location] = refused
            await self._store.expire_versions(source.base)

    async def _record(self, source: SourceRow, failure: str = "") -> None:
        await self._syncs.record(source.base, source.location, self._clock(), failure)

    async def _read(self, sources: Sequence[SourceRow]) -> AsyncGenerator[Ingested, None]:
        """Brings sources up to date; one that cannot be read is reported."""
        skipped: Counter[str] = Counter()
        for source in sources:
            try:
                async with aclosing(self.one(source, skipped)) as stream:
                    async for event in stream:
                        yield event
            except UserFacingError as exc:
                yield Ingested(source.location, 0, 0, "refused", str(exc))
        if skipped:
            yield Ingested("", 0, 0, "passed", describe_skipped(skipped))


async def _location(entry: SyncSource) -> str:
    """Returns how a source of config.yaml is called where it is stored."""
    if entry.git is not None:
        return git_location(entry.git, entry.branch or "", entry.folder or "")
    if entry.url is not None:
        return entry.url
    return await asyncio.to_thread(full_path, str(entry.path))
