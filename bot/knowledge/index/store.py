"""Stores documents and passages in the database, from which the indexes are derived."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from bot.config.knowledge import VersionSettings
from bot.knowledge.index.full_text_home import writer_of
from bot.knowledge.index.rows import BaseRow, DocumentRow, NewDocument, SourceRow
from bot.knowledge.index.syncs import forget_syncs
from bot.knowledge.index.tables import bases, documents, passages, pending, sources, staged
from bot.knowledge.index.versions import (
    VersionRules,
    expire_versions,
    keep_versions,
    note_removed,
)
from bot.knowledge.index.writer import (
    find_stored_meanwhile,
    hold_base,
    put_documents,
    remove_passages,
)
from bot.knowledge.loading.block_frames import unpack_blocks
from bot.skills.document_tree import Block
from bot.storage.batches import delete_batch, in_batches
from bot.storage.database import Database
from bot.storage.insert import insert_into

_PAGE_DOCUMENTS = 500
_DOCUMENT_COLUMNS = [documents.c[name] for name in DocumentRow.__dataclass_fields__]

_STATE_COLUMNS = ("size", "modified_ns", "digest", "revision", "validators")
"""What of a document is about its file or page, and not about its text."""


class KnowledgeStore:
    """The document tables; each method is one short transaction."""

    def __init__(self, database: Database, versions: VersionRules | None = None) -> None:
        self._db = database
        self._versions = versions or VersionSettings()
        self._names: tuple[object, Collection[str]] | None = None

    # --- knowledge bases -------------------------------------------------------------------------

    async def bases(self) -> dict[str, BaseRow]:
        """Returns all bases that have been written to, by name."""
        columns = [bases.c[name] for name in BaseRow.__dataclass_fields__]
        async with self._db.read() as connection:
            return {
                row.name: BaseRow(*row) for row in await connection.execute(sa.select(*columns))
            }

    async def base_names(self) -> Collection[str]:
        """Returns the names of all bases that have been written to; they are read again once any
        has changed."""
        version = self._db.version(bases)
        if self._names is None or version != self._names[0]:
            self._names = version, frozenset(await self.bases())
        return self._names[1]

    async def make_base(self, row: BaseRow) -> None:
        """Stores a base unless it exists."""
        values = {
            "name": row.name,
            "embedder": row.embedder,
            "dimension": row.dimension,
            "generation": row.generation,
            "made_at": time.time(),
        }

        def job(connection: Connection) -> None:
            connection.execute(insert_into(connection, bases).on_conflict_do_nothing(), values)
            writer_of(connection).make_table(connection, row.name)

        await self._db.write(job, changes=bases)

    # --- sources ---------------------------------------------------------------------------------

    async def sources(self, base: str | None = None) -> list[SourceRow]:
        """Returns the sources, oldest first."""
        query = sa.select(sources).order_by(sources.c.added_at)
        if base is not None:
            query = query.where(sources.c.base == base)
        async with self._db.read() as connection:
            return [
                SourceRow(r.base, r.location, r.kind, r.added_by, r.read_at is not None)
                for r in await connection.execute(query)
            ]

    async def begin_source(self, row: SourceRow) -> None:
        """Stores a source before it is ingested, as incomplete."""
        values = {
            "base": row.base,
            "location": row.location,
            "kind": row.kind,
            "added_by": row.added_by,
            "added_at": time.time(),
        }

        def job(connection: Connection) -> None:
            statement = insert_into(connection, sources).on_conflict_do_update(
                index_elements=["base", "location"], set_={"kind": row.kind, "read_at": None}
            )
            connection.execute(statement, values)

        await self._db.write(job)

    async def end_source(self, row: SourceRow, *, keep: bool = True) -> None:
        """Marks a source as complete, or deletes it if `keep` is False."""
        here = (sources.c.base == row.base) & (sources.c.location == row.location)
        statement: sa.UpdateBase = (
            sa.update(sources).where(here).values(read_at=time.time())
            if keep
            else sa.delete(sources).where(here)
        )
        await self._db.write(lambda connection: connection.execute(statement) and None)

    async def forget(self, base: str) -> int:
        """Delete a base with everything in it; returns how many documents it had."""
        mine = sa.select(documents.c.id).where(documents.c.base == base)
        half = sa.select(pending.c.document).where(pending.c.base == base)

        def begin(connection: Connection) -> None:
            writer_of(connection).drop_table(connection, base)
            forget_syncs(connection, base)
            connection.execute(
                sa.delete(staged).where(staged.c.document.in_(mine) | staged.c.document.in_(half))
            )

        def some(connection: Connection) -> int:
            return delete_batch(connection, documents, documents.c.base == base)

        def end(connection: Connection) -> None:
            connection.execute(sa.delete(sources).where(sources.c.base == base))
            connection.execute(sa.delete(bases).where(bases.c.name == base))

        await self._db.write(begin)
        count = await in_batches(self._db, some)
        await self._db.write(end, changes=bases)
        return count

    # --- documents -------------------------------------------------------------------------------

    async def documents(self, base: str | None = None) -> list[DocumentRow]:
        """Returns the documents, ordered by base and location."""
        query = sa.select(*_DOCUMENT_COLUMNS).order_by(documents.c.base, documents.c.location)
        if base is not None:
            query = query.where(documents.c.base == base)
        async with self._db.read() as connection:
            return [DocumentRow(*row) for row in await connection.execute(query)]

    async def page(
        self,
        base: str,
        *,
        after: str = "",
        source: str | None = None,
        limit: int = _PAGE_DOCUMENTS,
    ) -> list[DocumentRow]:
        """Returns some documents of a base, or of a source of it, in order of their locations:
        those that come after a location."""
        query = (
            sa.select(*_DOCUMENT_COLUMNS)
            .where(documents.c.base == base, documents.c.location > after)
            .order_by(documents.c.location)
            .limit(limit)
        )
        if source is not None:
            query = query.where(documents.c.source == source)
        async with self._db.read() as connection:
            return [DocumentRow(*row) for row in await connection.execute(query)]

    async def documents_at(self, base: str, locations: Sequence[str]) -> dict[str, DocumentRow]:
        """Returns the documents of a base with these locations, by location."""
        query = sa.select(*_DOCUMENT_COLUMNS).where(
            documents.c.base == base, documents.c.location.in_(locations)
        )
        async with self._db.read() as connection:
            rows = [DocumentRow(*row) for row in await connection.execute(query)]
        return {row.location: row for row in rows}

    async def count(self, base: str | None = None) -> int:
        """Returns the number of documents, of one base or of all."""
        query = sa.select(sa.func.count()).select_from(documents)
        if base is not None:
            query = query.where(documents.c.base == base)
        async with self._db.read() as connection:
            return int(await connection.scalar(query) or 0)

    async def document(self, ident: str) -> DocumentRow | None:
        async with self._db.read() as connection:
            row = (
                await connection.execute(
                    sa.select(*_DOCUMENT_COLUMNS).where(documents.c.id == ident)
                )
            ).one_or_none()
            return DocumentRow(*row) if row is not None else None

    async def blocks(self, ident: str) -> tuple[Block, ...]:
        """Returns the blocks of a document; none if there is no such document."""
        async with self._db.read() as connection:
            data: bytes | None = await connection.scalar(
                sa.select(documents.c.text).where(documents.c.id == ident)
            )
        return await asyncio.to_thread(unpack_blocks, data)

    async def touch(self, row: DocumentRow) -> None:
        """A document was looked at and has the same text: remember the new state of its file."""
        state = {name: getattr(row, name) for name in _STATE_COLUMNS}
        statement = sa.update(documents).where(documents.c.id == row.id).values(**state)
        await self._db.write(lambda connection: connection.execute(statement) and None)

    async def known_vectors(self, ident: str, generation: int) -> dict[str, bytes]:
        """Vectors that a document's passages have already: stored ones, and staged ones."""
        found: dict[str, bytes] = {}
        async with self._db.read() as connection:
            for table in (staged, passages):
                rows = await connection.execute(
                    sa.select(table.c.id, table.c.vectors).where(
                        table.c.document == ident, table.c.generation == generation
                    )
                )
                found.update((row.id, row.vectors) for row in rows)
        return found

    async def stage(self, generation: int, rows: Sequence[tuple[str, str, bytes]]) -> None:
        """Keep vectors (document, passage id, quantised) of passages to be."""
        values = [
            {"document": document, "generation": generation, "id": ident, "vectors": data}
            for document, ident, data in rows
        ]
        await self._insert_new(staged, values)

    async def mark_pending(self, base: str, generation: int, idents: Sequence[str]) -> None:
        """Marks documents whose vectors in Chroma may differ from their passages from now on."""
        values = [{"base": base, "generation": generation, "document": i} for i in idents]
        await self._insert_new(pending, values)

    async def _insert_new(self, table: sa.Table, values: Sequence[Mapping[str, Any]]) -> None:
        def job(connection: Connection) -> None:
            connection.execute(insert_into(connection, table).on_conflict_do_nothing(), values)

        if values:
            await self._db.write(job)

    async def pending(self, base: str | None = None) -> list[tuple[str, int, str]]:
        """Documents whose vectors may differ from their passages: base, generation, document."""
        query = sa.select(pending.c.base, pending.c.generation, pending.c.document)
        if base is not None:
            query = query.where(pending.c.base == base)
        async with self._db.read() as connection:
            return [(b, g, d) for b, g, d in await connection.execute(query)]

    async def settle(self, base: str, generation: int, idents: Sequence[str]) -> None:
        """Removes the pending marks of documents whose vectors and passages agree again."""
        statement = _settle(base, generation, idents)
        await self._db.write(lambda connection: connection.execute(statement) and None)

    async def unstage(self, ident: str) -> None:
        """Drop vectors that were kept of a document that was read in half."""
        statement = sa.delete(staged).where(staged.c.document == ident)
        await self._db.write(lambda connection: connection.execute(statement) and None)

    async def replace(
        self, new: Sequence[NewDocument], generation: int, *, settled: Sequence[str] = ()
    ) -> None:
        """Puts documents in place of what was there, at once: passages, full text and all.

        Removes the pending marks of those documents among them that are `settled` by it.
        """
        if not new:
            return
        base = new[0].row.base

        def job(connection: Connection) -> None:
            hold_base(connection, base, generation)
            raced = find_stored_meanwhile(connection, new)
            stored = [replace(one, fresh=False) if one.row.id in raced else one for one in new]
            keep_versions(connection, stored, self._versions)
            put_documents(connection, stored, generation)
            clean = [ident for ident in settled if ident not in raced]
            if clean:
                connection.execute(_settle(base, generation, clean))

        await self._db.write(job, changes=bases)

    async def expire_versions(self, base: str) -> None:
        """Deletes what is kept of older versions for too long."""
        await self._db.write(lambda connection: expire_versions(connection, base, self._versions))

    async def remove(self, row: DocumentRow, generation: int) -> None:
        """Take a document out, and mark its vectors as pending. Nothing is done where another
        process has taken it out."""

        def job(connection: Connection) -> None:
            hold_base(connection, row.base, generation)
            here = sa.select(documents.c.id).where(documents.c.id == row.id)
            if connection.scalar(here) is None:
                return
            remove_passages(connection, [row], generation)
            note_removed(connection, row, self._versions)
            connection.execute(sa.delete(staged).where(staged.c.document == row.id))
            connection.execute(sa.delete(documents).where(documents.c.id == row.id))
            values = {"base": row.base, "generation": generation, "document": row.id}
            connection.execute(insert_into(connection, pending).on_conflict_do_nothing(), values)

        await self._db.write(job, changes=bases)

    async def vectors(self, generation: int, idents: Sequence[str]) -> dict[str, bytes]:
        """Quantised vectors by passage id."""
        query = sa.select(passages.c.id, passages.c.vectors).where(
            passages.c.generation == generation, passages.c.id.in_(idents)
        )
        async with self._db.read() as connection:
            rows = await connection.execute(query)
            return {row.id: row.vectors for row in rows}

    async def count_passages(self, base: str, generation: int) -> int:
        """Returns the number of passages of a base."""
        query = sa.select(sa.func.count()).where(
            passages.c.base == base, passages.c.generation == generation
        )
        async with self._db.read() as connection:
            return int(await connection.scalar(query) or 0)

    async def sample_vectors(self, base: str, generation: int, most: int) -> list[bytes]:
        """Returns the quantised vectors of some passages of a base, spread over all of them."""
        here = (passages.c.base == base) & (passages.c.generation == generation)
        number = passages.c.number
        ends = sa.select(sa.func.min(number), sa.func.max(number)).where(here)
        found: dict[int, bytes] = {}
        async with self._db.read() as connection:
            first, last = (await connection.execute(ends)).one()
            for at in range(most if first is not None else 0):
                start = first + (last - first) * at // most
                query = sa.select(number, passages.c.vectors).where(here, number >= start)
                row = (await connection.execute(query.order_by(number).limit(1))).one_or_none()
                if row is not None:
                    found[row.number] = row.vectors
        return list(found.values())

    async def passage_ids(
        self, base: str, generation: int, document: str | None = None
    ) -> set[str]:
        """The ids that Chroma should hold."""
        query = sa.select(passages.c.id).where(
            passages.c.base == base, passages.c.generation == generation
        )
        if document is not None:
            query = query.where(passages.c.document == document)
        async with self._db.read() as connection:
            return set(await connection.scalars(query))


def _settle(base: str, generation: int, idents: Sequence[str]) -> sa.Delete:
    return sa.delete(pending).where(
        pending.c.base == base,
        pending.c.generation == generation,
        pending.c.document.in_(idents),
    )
