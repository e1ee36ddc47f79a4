"""Builds a new index from the stored blocks beside the old one, and swaps the two.

Until the swap, which is one transaction, searches see the old index. An interruption leaves the
old one as it is; what was made of the new one is swept up by the next rebuild or by `verify`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial

import sqlalchemy as sa
from sqlalchemy import Connection

from backends.base import Embeddings
from bot.knowledge.index.chroma import ChromaIndex, collection_name
from bot.knowledge.index.full_text_home import writer_of
from bot.knowledge.index.rows import BaseRow
from bot.knowledge.index.store import KnowledgeStore
from bot.knowledge.index.tables import bases, documents, passages, pending, staged
from bot.knowledge.index.writer import add_passages
from bot.knowledge.ingestion.ingest import IngestionTarget
from bot.knowledge.ingestion.pipeline import Batch, embed_documents
from bot.knowledge.ingestion.prepared import PreparedDocument, cut_chunks
from bot.knowledge.retrieval.embedder import Embedder
from bot.storage.database import Database
from bot.values import Ingested


async def rebuild(
    database: Database,
    store: KnowledgeStore,
    chroma: ChromaIndex,
    target: IngestionTarget,
    old: BaseRow,
) -> AsyncGenerator[Ingested, None]:
    """Rebuilds a base with the embedder of the target, whose base has the new generation."""
    new = target.base
    await sweep_generations(database, chroma, old)
    total = await store.count(old.name)
    documents = _stored_documents(store, target)
    write = partial(_write, database, chroma, new)
    done = 0
    async with aclosing(embed_documents(target.embedder, documents, write)) as events:
        async for event in events:
            done += not event.passages_total
            yield replace(event, done=done, total=total)
    await database.write(lambda connection: _swap(connection, old, new), changes=bases)
    with chroma.postponing():
        await chroma.drop(collection_name(old.name, old.generation))
    yield Ingested(old.name, total, total, "changed", f"{total} documents")


async def _stored_documents(
    store: KnowledgeStore, target: IngestionTarget
) -> AsyncGenerator[PreparedDocument | Ingested, None]:
    """The documents again, from their stored blocks."""
    after = ""
    while rows := await store.page(target.base.name, after=after):
        after = rows[-1].location
        for row in rows:
            blocks = await store.blocks(row.id)
            chunks = await asyncio.to_thread(cut_chunks, row.id, target.chunker, row.title, blocks)
            yield PreparedDocument(row, b"", chunks, {})


async def _write(
    database: Database, chroma: ChromaIndex, base: BaseRow, batch: Batch, rows: Embeddings
) -> Sequence[Ingested]:
    """Store a batch in the new generation, where no search sees it yet."""
    with chroma.postponing():
        await chroma.upsert(
            collection_name(base.name, base.generation),
            [ident for _, ident in batch.todo],
            [document.row.id for document, _ in batch.todo],
            rows,
        )
    new = [document.stored() for document in batch.complete]
    await database.write(lambda connection: add_passages(connection, new, base.generation) and None)
    return [Ingested(document.row.location, 0, 0) for document in batch.complete]


def _swap(connection: Connection, old: BaseRow, new: BaseRow) -> None:
    """In the writer's transaction: the new generation is the live one from here on."""
    before = (passages.c.base == old.name) & (passages.c.generation != new.generation)
    connection.execute(sa.delete(passages).where(before))
    counted = (
        sa.select(sa.func.count()).where(passages.c.document == documents.c.id).scalar_subquery()
    )
    connection.execute(
        sa.update(documents).where(documents.c.base == old.name).values(passages=counted)
    )
    connection.execute(
        sa.update(bases)
        .where(bases.c.name == new.name)
        .values(embedder=new.embedder, dimension=new.dimension, generation=new.generation)
    )
    writer_of(connection).rewrite(connection, new)
    connection.execute(sa.delete(pending).where(pending.c.base == old.name))


async def sweep_generations(database: Database, chroma: ChromaIndex, live: BaseRow) -> int:
    """Removes what interrupted rebuilds left; returns the number of removed passages."""

    def job(connection: Connection) -> int:
        gone = (passages.c.base == live.name) & (passages.c.generation != live.generation)
        numbers = connection.scalars(sa.select(passages.c.number).where(gone))
        writer_of(connection).remove_entries(connection, live.name, list(numbers))
        count = connection.execute(sa.delete(passages).where(gone)).rowcount
        mine = sa.select(documents.c.id).where(documents.c.base == live.name)
        connection.execute(
            sa.delete(staged).where(
                staged.c.document.in_(mine), staged.c.generation != live.generation
            )
        )
        return count

    await drop_collections(chroma, live.name, but=collection_name(live.name, live.generation))
    return await database.write(job)


async def drop_collections(chroma: ChromaIndex, base: str, *, but: str = "") -> None:
    """Drops the collections of all generations of a base except `but`."""
    prefix, _, _ = collection_name(base, 0).rpartition("-")
    with chroma.postponing():
        for name in await chroma.names():
            if name.startswith(f"{prefix}-") and name != but:
                await chroma.drop(name)


def next_generation(old: BaseRow, embedder: Embedder) -> BaseRow:
    """Returns the row of the base after a rebuild with this embedder."""
    return BaseRow(old.name, embedder.id, embedder.dimension, old.generation + 1)
