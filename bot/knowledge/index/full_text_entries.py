"""What the full text index takes of a passage, and the query for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bot.knowledge.index.tables import documents, passages


@dataclass(frozen=True, slots=True)
class Entry:
    """One passage as the full text index takes it."""

    number: int
    title: str
    heading: str
    body: str


def select_entries(base: str, generation: int) -> sa.Select[Any]:
    """Selects the passages of a generation of a base, with the columns of `Entry`."""
    return (
        sa.select(passages.c.number, documents.c.title, passages.c.heading, passages.c.text)
        .join(documents, documents.c.id == passages.c.document)
        .where(passages.c.base == base, passages.c.generation == generation)
    )
