"""Writes documents and their passages inside a transaction of the caller."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from bot.knowledge.index import full_text
from bot.knowledge.index.rows import DocumentRow, NewDocument, PassageRow
from bot.knowledge.index.tables import documents, passages, staged
from bot.storage.insert import insert_into


def put_documents(connection: Connection, new: Sequence[NewDocument], generation: int) -> None:
    """Stores documents of one base, replacing their rows, passages and full text."""
    for document in new:
        if not document.fresh:
            remove_passages(connection, document.row, generation)
            _unstage(connection, document.row.id, generation)
    statement = insert_into(connection, documents)
    values = [{**_values(document.row), "text": document.packed} for document in new]
    changed = {name: statement.excluded[name] for name in values[0] if name != "id"}
    connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changed), values)
    numbers = add_passages(connection, new, generation)
    full_text.add_entries(
        connection,
        new[0].row.base,
        [
            full_text.Entry(number, document.row.title, passage.heading, passage.text)
            for number, (document, _, passage) in zip(numbers, _passages(new), strict=True)
        ],
    )


def remove_passages(connection: Connection, document: DocumentRow, generation: int) -> None:
    """Removes the passages of a document from table and full text."""
    here = (passages.c.document == document.id) & (passages.c.generation == generation)
    numbers = list(connection.scalars(sa.select(passages.c.number).where(here)))
    full_text.remove_entries(connection, document.base, numbers)
    connection.execute(sa.delete(passages).where(here))


def add_passages(
    connection: Connection, new: Sequence[NewDocument], generation: int
) -> Sequence[int]:
    """Stores the passages of documents; returns their numbers, in order."""
    highest = connection.scalar(sa.select(sa.func.max(passages.c.number))) or 0
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
        for number, (document, position, passage) in enumerate(_passages(new), highest + 1)
    ]
    if values:
        connection.execute(sa.insert(passages), values)
    return range(highest + 1, highest + 1 + len(values))


def _unstage(connection: Connection, document: str, generation: int) -> None:
    here = (staged.c.document == document) & (staged.c.generation == generation)
    connection.execute(sa.delete(staged).where(here))


def _passages(new: Sequence[NewDocument]) -> Iterator[tuple[NewDocument, int, PassageRow]]:
    for document in new:
        for position, passage in enumerate(document.passages):
            yield document, position, passage


def _values(row: DocumentRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__slots__}
