"""What the pipeline does where something ends early."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from backends.base import Embeddings
from bot.errors import StorageError
from bot.knowledge.index.rows import DocumentRow
from bot.knowledge.ingestion.pipeline import Batch, embed_documents
from bot.knowledge.ingestion.prepared import PreparedDocument
from bot.knowledge.retrieval.embedder import Embedder
from bot.values import Ingested
from tests.unit.bot.knowledge.conftest import Room, words


def bare(number: int) -> PreparedDocument:
    """A document that needs no embedding."""
    row = DocumentRow(f"{number}", "b", "s", f"{number}.md", "", "", 0, 0, 0, 0, "", 0.0)
    return PreparedDocument(row, b"", {}, {})


async def test_a_write_that_failed_behind_a_stopped_reading_was_told_as_nobodys_error(
    room: Room,
) -> None:
    async def documents() -> AsyncGenerator[PreparedDocument | Ingested, None]:
        for number in range(96):  # one batch
            yield bare(number)
        while True:
            yield Ingested("other.md", 0, 0, "unchanged")

    async def write(batch: Batch, rows: Embeddings) -> Sequence[Ingested]:
        raise StorageError("There is no space left.")

    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, said: complaints.append(said))
    embedder = Embedder("x", 64, 120, room.backend.embed, words)
    async with aclosing(embed_documents(embedder, documents(), write)) as events:
        async for _ in events:
            await asyncio.sleep(0)  # the writer fails meanwhile
            break
    gc.collect()
    assert complaints == []
