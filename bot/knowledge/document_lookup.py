"""Finds a stored document by what somebody calls it, and describes it for skills."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bot.catalogue.sentence import say
from bot.errors import NotFound, UsageError, nearest
from bot.knowledge.index.rows import DocumentRow
from bot.knowledge.loading.block_frames import decode_left_out, decode_recognized
from bot.knowledge.loading.sources import is_url
from bot.skills.document_tree import describe_left_out
from bot.values import Document


def find_document(rows: Sequence[DocumentRow], name: str, path: str) -> DocumentRow:
    """Returns the document with this id, location (or full path), unique title or file name.

    Raises `NotFound` and `UsageError`.
    """
    for row in rows:
        if row.id == name or row.location in (name, path):
            return row
    wanted = name.casefold()
    titled = [row for row in rows if wanted in (row.title.casefold(), _name(row).casefold())]
    if len(titled) == 1:
        return titled[0]
    if titled:
        raise UsageError(
            say(
                "{number} documents are called {name!r}; name one by its id: {ids}.",
                number=len(titled),
                name=name[:100],
                ids=", ".join(row.id for row in titled[:5]),
            )
        )
    near = nearest(name, [row.title for row in rows] + [_name(row) for row in rows])
    hint = say(" Did you mean {near!r}?", near=near) if near else ""
    raise NotFound(say("There is no document {name!r}.{hint}", name=name[:100], hint=hint))


def _name(row: DocumentRow) -> str:
    return row.location if is_url(row.location) else Path(row.location).name


def to_document(row: DocumentRow) -> Document:
    """Returns a document as skills see it."""
    recognized = decode_recognized(row.left_out)
    confidence = sum(one.confidence for one in recognized) / max(1, len(recognized))
    return Document(
        id=row.id,
        base=row.base,
        title=row.title,
        location=row.location,
        passages=row.passages,
        characters=row.characters,
        at=datetime.fromtimestamp(row.at, UTC),
        added_by=row.added_by,
        source=row.source,
        left_out=describe_left_out(decode_left_out(row.left_out)),
        recognized_pages=len(recognized),
        recognition_confidence=round(confidence, 3),
    )
