"""Checks that database, full text and vectors agree, and repairs what does not."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import sqlalchemy as sa
import structlog
from sqlalchemy import Connection

from bot.knowledge.index.chroma import ChromaIndex, collection_name
from bot.knowledge.index.chroma_store import IndexDamaged
from bot.knowledge.index.chroma_sync import are_all_searchable, reconcile
from bot.knowledge.index.full_text_home import FullText
from bot.knowledge.index.store import KnowledgeStore
from bot.knowledge.index.tables import bases, documents, passages, pending, sources, staged
from bot.storage.database import Database

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """The result of `verify`: what was checked (the first two fields) and what was repaired."""

    documents: int = 0
    passages: int = 0
    orphan_passages: int = 0
    """Rows of an index that was never finished."""
    full_text_added: int = 0
    full_text_removed: int = 0
    vectors_added: int = 0
    vectors_removed: int = 0
    collections_dropped: int = 0
    index_replaced: int = 0
    """1 where the vectors' files were damaged and have been made again."""
    unfinished: tuple[str, ...] = ()
    """Sources whose reading was interrupted; `parlance docs sync` goes on with them."""
    empty: tuple[str, ...] = ()
    """Documents without a passage; adding them again or a rebuild brings them back."""
    read_again: int = 0
    """Documents that an older release read, and that `parlance docs verify` has read again."""
    outdated: tuple[str, ...] = ()
    """Those that cannot be read again, as they were uploaded; adding them again brings them up to
    date."""

    @property
    def repaired(self) -> int:
        """The number of repairs."""
        return (
            self.orphan_passages
            + self.full_text_added
            + self.full_text_removed
            + self.vectors_added
            + self.vectors_removed
            + self.collections_dropped
            + self.index_replaced
        )

    @property
    def clean(self) -> bool:
        """Whether nothing was wrong."""
        return not self.repaired and not self.empty


async def verify(
    database: Database, store: KnowledgeStore, chroma: ChromaIndex, full_text: FullText
) -> VerificationReport:
    """Compares and repairs. No ingestion may run meanwhile; the caller holds the locks."""
    orphans = await database.write(_remove_orphans)
    waiting = await database.write(_remove_stale_staged)
    added, removed = await full_text.repair()
    try:
        vectors = await _repair_vectors(store, chroma, waiting)
        replaced = not await are_all_searchable(store, chroma)
    except IndexDamaged:
        replaced = True
    if replaced:
        log.warning("knowledge.vectors_damaged")
        await chroma.reset()
        vectors = await _repair_vectors(store, chroma, waiting)
    await database.write(_settle_pending)
    async with database.read() as connection:
        count = await connection.scalar(sa.select(sa.func.count()).select_from(passages))
        empty = await connection.scalars(
            sa.select(documents.c.location).where(
                ~sa.exists().where(passages.c.document == documents.c.id)
            )
        )
    return VerificationReport(
        documents=await store.count(),
        passages=int(count or 0),
        orphan_passages=orphans,
        full_text_added=added,
        full_text_removed=removed,
        vectors_added=vectors.added,
        vectors_removed=vectors.removed,
        collections_dropped=vectors.dropped,
        index_replaced=int(replaced),
        unfinished=tuple(s.location for s in await store.sources() if not s.complete),
        empty=tuple(empty),
    )


@dataclass(frozen=True, slots=True)
class _VectorRepairs:
    """Counts of the repairs in Chroma."""

    added: int = 0
    removed: int = 0
    dropped: int = 0


async def _repair_vectors(
    store: KnowledgeStore, chroma: ChromaIndex, waiting: Mapping[str, AbstractSet[str]]
) -> _VectorRepairs:
    """Make Chroma hold the live passages, and nothing else. Raises `IndexDamaged`."""
    present = await chroma.names()  # first: what is made meanwhile is no stranger
    live = (await store.bases()).values()
    strangers = present - {collection_name(base.name, base.generation) for base in live}
    for name in strangers:
        await chroma.drop(name)
    added = removed = 0
    for base in live:
        keep = waiting.get(base.name, frozenset())
        repaired = await reconcile(store, chroma, base, keep=keep, beside=bool(chroma.server))
        added += repaired.added
        removed += repaired.removed
    return _VectorRepairs(added, removed, len(strangers))


def _remove_orphans(connection: Connection) -> int:
    """Passages of a generation that is not live; what full text has of them is taken out when that
    is repaired."""
    live = sa.exists().where(
        bases.c.name == passages.c.base, bases.c.generation == passages.c.generation
    )
    return connection.execute(sa.delete(passages).where(~live)).rowcount


def _remove_stale_staged(connection: Connection) -> dict[str, frozenset[str]]:
    """Remove what interrupted readings have staged, but for what a sync goes on with: documents of
    the live generation of a base with an unfinished source. Returns what is kept, passages' ids by
    base."""
    here = (staged.c.document == pending.c.document) & (staged.c.generation == pending.c.generation)
    live = sa.exists().where(
        bases.c.name == pending.c.base, bases.c.generation == pending.c.generation
    )
    goes_on = sa.exists().where(
        sources.c.base == pending.c.base, sources.c.read_at.is_(None), sources.c.kind != "upload"
    )
    rows = connection.execute(
        sa.select(pending.c.base, staged.c.document, staged.c.generation, staged.c.id)
        .join_from(pending, staged, here)
        .where(live, goes_on)
    ).all()
    kept: dict[str, set[str]] = {}
    for row in rows:
        kept.setdefault(row.base, set()).add(row.id)
    documents_kept = {(row.document, row.generation) for row in rows}
    every = sa.select(staged.c.document, staged.c.generation).distinct()
    for document, generation in connection.execute(every).all():
        if (document, generation) not in documents_kept:
            gone = (staged.c.document == document) & (staged.c.generation == generation)
            connection.execute(sa.delete(staged).where(gone))
    return {base: frozenset(idents) for base, idents in kept.items()}


def _settle_pending(connection: Connection) -> None:
    """Vectors and passages agree again, but for documents that are half read."""
    half = sa.exists().where(
        staged.c.document == pending.c.document, staged.c.generation == pending.c.generation
    )
    connection.execute(sa.delete(pending).where(~half))
