"""Stores when each document was added, changed and removed, and what it said before it changed."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy import Connection

from bot.knowledge.index.rows import DocumentRow, NewDocument
from bot.knowledge.index.tables import documents, versions
from bot.storage.database import Database

_DAY_S = 86_400.0


class VersionRules(Protocol):
    """What is kept; see `bot.config.knowledge.VersionSettings`."""

    @property
    def keep(self) -> int: ...
    @property
    def keep_days(self) -> int: ...


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """A document was added, changed or removed."""

    document: str
    base: str
    source: str
    location: str
    title: str
    state: str
    at: float


class VersionStore:
    """Reads the table of versions; it is written with the documents (`keep_versions`)."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def changes(self, bases: Collection[str], since: float, limit: int) -> list[ChangeRow]:
        """Returns the changes in some bases after a time, the newest first."""
        columns = [versions.c[name] for name in ChangeRow.__dataclass_fields__]
        query = (
            sa.select(*columns)
            .where(versions.c.base.in_(bases), versions.c.at > since)
            .order_by(versions.c.number.desc())
            .limit(limit)
        )
        async with self._db.read() as connection:
            return [ChangeRow(*row) for row in await connection.execute(query)]

    async def before(self, document: str, since: float | None) -> tuple[float, bytes] | None:
        """Returns when a document changed, and what it said until then: at its first change after a
        time, or at its last one. None if that is not kept."""
        order = versions.c.number.desc() if since is None else versions.c.number.asc()
        query = (
            sa.select(versions.c.at, versions.c.before)
            .where(versions.c.document == document, versions.c.before.is_not(None))
            .where(sa.true() if since is None else versions.c.at > since)
            .order_by(order)
            .limit(1)
        )
        async with self._db.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return (row.at, row.before) if row is not None else None


def keep_versions(connection: Connection, new: Sequence[NewDocument], rules: VersionRules) -> None:
    """Notes that documents are added or changed, before they are stored, and keeps what they said.

    A document that only another version of its loader reads otherwise has not changed.
    """
    if not rules.keep:
        return
    there = {}
    stored = [document.row.id for document in new if not document.fresh]
    if stored:
        query = sa.select(documents.c.id, documents.c.digest, documents.c.text)
        there = {row.id: row for row in connection.execute(query.where(documents.c.id.in_(stored)))}
    values = []
    for document in new:
        old = there.get(document.row.id)
        if old is None:
            values.append(_values(document.row, "added", document.row.at, None))
        elif _bytes_digest(old.digest) != _bytes_digest(document.row.digest):
            values.append(_values(document.row, "changed", document.row.at, old.text))
    if values:
        connection.execute(sa.insert(versions), values)
    for ident in there:
        _trim(connection, ident, rules.keep)


def note_removed(connection: Connection, row: DocumentRow, rules: VersionRules) -> None:
    """Notes that a document is removed; what it said is no longer kept."""
    mine = versions.c.document == row.id
    connection.execute(sa.update(versions).where(mine).values(before=None))
    if rules.keep:
        connection.execute(sa.insert(versions), [_values(row, "removed", time.time(), None)])


def expire_versions(connection: Connection, base: str, rules: VersionRules) -> None:
    """Deletes what is too old."""
    old = versions.c.at < time.time() - rules.keep_days * _DAY_S
    connection.execute(sa.delete(versions).where(versions.c.base == base, old))


def _trim(connection: Connection, document: str, keep: int) -> None:
    """Deletes all but the newest rows of a document."""
    mine = versions.c.document == document
    newest = sa.select(versions.c.number).where(mine).order_by(versions.c.number.desc())
    limit = connection.scalar(newest.offset(keep).limit(1))
    if limit is not None:
        connection.execute(sa.delete(versions).where(mine, versions.c.number <= limit))


def _values(row: DocumentRow, state: str, at: float, before: bytes | None) -> dict[str, object]:
    return {
        "base": row.base,
        "document": row.id,
        "source": row.source,
        "location": row.location,
        "title": row.title,
        "state": state,
        "at": at,
        "before": before,
    }


def _bytes_digest(digest: str) -> str:
    """Returns a document's digest without the version of the loaders that read it."""
    return digest.partition(":")[2]
