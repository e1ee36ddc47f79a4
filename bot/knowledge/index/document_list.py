"""Lists stored documents by pages, and counts them; for people who look at many of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa

from bot.knowledge.index.rows import DocumentRow
from bot.knowledge.index.tables import bases, documents, sources
from bot.storage.database import Database

DOCUMENTS_PER_PAGE: Final = 50
_COLUMNS = [documents.c[name] for name in DocumentRow.__dataclass_fields__]


@dataclass(frozen=True, slots=True)
class BaseTotals:
    """What a knowledge base holds: `size` in bytes as the documents were read, `read_at` when a
    source of it last was."""

    documents: int = 0
    passages: int = 0
    size: int = 0
    read_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """Some documents in the order of their locations; `next` is the location after which the next
    page begins, empty at the end."""

    rows: Sequence[DocumentRow]
    next: str = ""


class DocumentList:
    """Reads the document tables of a `Database`, which it does not own."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def bases(self) -> Sequence[str]:
        """Return the names of all bases that were written to, private ones, too."""
        async with self._db.read() as connection:
            return (await connection.scalars(sa.select(bases.c.name).order_by(bases.c.name))).all()

    async def totals(self, names: Collection[str]) -> Mapping[str, BaseTotals]:
        """Count what each of some bases holds; those without documents are missing."""
        counted = (
            sa.select(
                documents.c.base,
                sa.func.count(),
                sa.func.sum(documents.c.passages),
                sa.func.sum(documents.c.size),
            )
            .where(documents.c.base.in_(names))
            .group_by(documents.c.base)
        )
        read = (
            sa.select(sources.c.base, sa.func.max(sources.c.read_at))
            .where(sources.c.base.in_(names))
            .group_by(sources.c.base)
        )
        async with self._db.read() as connection:
            read_at = {base: at for base, at in await connection.execute(read) if at is not None}
            rows = (await connection.execute(counted)).all()
        return {
            base: BaseTotals(
                int(number),
                int(passages),
                int(size),
                datetime.fromtimestamp(read_at[base], UTC) if base in read_at else None,
            )
            for base, number, passages, size in rows
        }

    async def page(
        self, base: str, wanted: str = "", *, after: str = "", limit: int = DOCUMENTS_PER_PAGE
    ) -> DocumentPage:
        """Return the documents of a base in whose title or location `wanted` stands, whatever the
        case of its letters; only those after a location."""
        query = (
            sa.select(*_COLUMNS)
            .where(documents.c.base == base, documents.c.location > after)
            .order_by(documents.c.location)
            .limit(limit + 1)
        )
        if wanted:
            query = query.where(
                documents.c.title.icontains(wanted, autoescape=True)
                | documents.c.location.icontains(wanted, autoescape=True)
            )
        async with self._db.read() as connection:
            rows = [DocumentRow(*row) for row in await connection.execute(query)]
        return DocumentPage(rows[:limit], rows[limit - 1].location if len(rows) > limit else "")

    async def read_at(self, idents: Collection[str]) -> Mapping[str, datetime]:
        """Return when documents were last read, by their ids; those that are gone are missing."""
        query = sa.select(documents.c.id, documents.c.at).where(documents.c.id.in_(idents))
        async with self._db.read() as connection:
            rows = (await connection.execute(query)).all()
        return {ident: datetime.fromtimestamp(at, UTC) for ident, at in rows}

    async def source_kind(self, base: str, location: str) -> str:
        """Return what a source of a base is (`SourceRow.kind`), empty if there is none."""
        query = sa.select(sources.c.kind).where(
            sources.c.base == base, sources.c.location == location
        )
        async with self._db.read() as connection:
            return str(await connection.scalar(query) or "")

    async def find(self, ident: str) -> DocumentRow | None:
        """Return a document by its id."""
        query = sa.select(*_COLUMNS).where(documents.c.id == ident)
        async with self._db.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else DocumentRow(*row)
