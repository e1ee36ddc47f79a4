"""Writes documents and their passages inside a transaction of the caller."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from bot.errors import StorageError
from bot.knowledge.index.full_text_entries import Entry
from bot.knowledge.index.full_text_home import writer_of
from bot.knowledge.index.rows import DocumentRow, NewDocument, PassageRow
from bot.knowledge.index.tables import bases, documents, passages, staged
from bot.storage.insert import insert_into, new_numbers


def hold_base(connection: Connection, base: str, generation: int) -> None:
    """Keeps other processes from changing a base until the transaction ends. Raises `StorageError`
    if this is no longer its generation: another process has rebuilt it or taken it out."""
    query = sa.select(bases.c.generation).where(bases.c.name == base).with_for_update()
    if connection.scalar(query) != generation:
        raise StorageError(
            "The knowledge base was rebuilt or removed meanwhile; add the documents again."
        )


def find_stored_meanwhile(connection: Connection, new: Sequence[NewDocument]) -> set[str]:
    """Returns the ids of fresh documents that are stored all the same: another process has read
    them at the same time."""
    fresh = [document.row.id for document in new if document.fresh]
    if not fresh:
        return set()
    return set(connection.scalars(sa.select(documents.c.id).where(documents.c.id.in_(fresh))))


def put_documents(connection: Connection, new: Sequence[NewDocument], generation: int) -> None:
    """Stores documents of one base, replacing their rows, passages and full text."""
    known = [document.row for document in new if not document.fresh]
    if known:
        remove_passages(connection, known, generation)
        _unstage(connection, known, generation)
    statement = insert_into(connection, documents)
    values = [{**_values(document.row), "text": document.packed} for document in new]
    changed = {name: statement.excluded[name] for name in values[0] if name != "id"}
    connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changed), values)
    numbers = add_passages(connection, new, generation)
    writer_of(connection).add_entries(
        connection,
        new[0].row.base,
        [
            Entry(number, document.row.title, passage.heading, passage.text)
            for number, (document, _, passage) in zip(numbers, _passages(new), strict=True)
        ],
    )


def remove_passages(connection: Connection, known: Sequence[DocumentRow], generation: int) -> None:
    """Removes the passages of documents of one base from table and full text."""
    documents_here = passages.c.document.in_([row.id for row in known])
    here = documents_here & (passages.c.generation == generation)
    numbers = list(connection.scalars(sa.select(passages.c.number).where(here)))
    writer_of(connection).remove_entries(connection, known[0].base, numbers)
    connection.execute(sa.delete(passages).where(here))


def add_passages(
    connection: Connection, new: Sequence[NewDocument], generation: int
) -> Sequence[int]:
    """Stores the passages of documents; returns their numbers, in order."""
    placed = list(_passages(new))
    numbers = new_numbers(connection, passages.c.number, len(placed))
    values = [
        {
            "number": number,
            "id": passage.id,
            "base": document.row.base,
            "generation": generation,
            "document": document.row.id,
            "position": position,
            "heading": passage.heading,
            "text": passage.text,
            "vectors": passage.vectors,
            "page": passage.place.page,
            "slide": passage.place.slide,
            "sheet": passage.place.sheet,
            "sheet_row": passage.place.row,
        }
        for number, (document, position, passage) in zip(numbers, placed, strict=True)
    ]
    if values:
        connection.execute(sa.insert(passages), values)
    return numbers


def _unstage(connection: Connection, known: Sequence[DocumentRow], generation: int) -> None:
    here = staged.c.document.in_([row.id for row in known]) & (staged.c.generation == generation)
    connection.execute(sa.delete(staged).where(here))


def _passages(new: Sequence[NewDocument]) -> Iterator[tuple[NewDocument, int, PassageRow]]:
    for document in new:
        for position, passage in enumerate(document.passages):
            yield document, position, passage


def _values(row: DocumentRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__slots__}
