"""Embeds documents in batches, while the next batch is cut and the last one is written.

The embedder takes nearly all of the time, so it is never left waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, TypeVar

from backends.base import Embeddings
from bot.knowledge.ingestion.prepared import PreparedDocument, embed_chunks, keep_vectors
from bot.knowledge.retrieval.embedder import Embedder
from bot.values import Ingested

_T = TypeVar("_T")
_BATCH_TEXTS = 256
"""Texts that are embedded in one call; sentences count too. They are sorted by length within it,
so that with fewer of them the embedder computes more padding (8 % at 96, 2 % at 256)."""
_FIRST_BATCH_TEXTS = 64
"""Texts of the first batch, for which the embedder has to wait."""
_BATCH_DOCUMENTS = 96
"""Documents that are written together, at most."""
_LONG_DOCUMENT_PASSAGES = 40
"""The number of passages from which a document reports its progress."""


@dataclass(slots=True)
class Batch:
    """Chunks to embed in one call, and the documents that are complete with them.

    A document of many chunks is in several batches; what it has in those before its last one is
    to be kept until then.
    """

    todo: list[tuple[PreparedDocument, str]] = field(default_factory=list)
    complete: list[PreparedDocument] = field(default_factory=list)
    texts: int = 0
    most: int = _BATCH_TEXTS

    @property
    def full(self) -> bool:
        return self.texts >= self.most or len(self.complete) >= _BATCH_DOCUMENTS


BatchWriter = Callable[[Batch, Embeddings], Coroutine[Any, Any, Sequence[Ingested]]]
"""Stores a batch with its chunks' vectors, shape (len(todo), dim); tells what became of it."""


async def embed_documents(
    embedder: Embedder,
    documents: AsyncGenerator[PreparedDocument | Ingested, None],
    write: BatchWriter,
) -> AsyncGenerator[Ingested, None]:
    """Embeds and writes documents, and yields the outcome of each.

    Items that are `Ingested` already are passed on; a long document also reports its progress, with
    the state "working".

    Closing the generator stops it; a batch that is being written is finished first. Raises a
    `BackendError`, and what `write` raises.
    """
    embedding: asyncio.Task[Embeddings] | None = None
    writer: asyncio.Task[Sequence[Ingested]] | None = None
    async with aclosing(_prefetch(_batches(documents))) as batches:
        try:
            async for got in batches:
                if isinstance(got, Ingested):
                    yield got
                    continue
                # Whoever takes the events, and the writer, have the time that the embedder needs.
                embedding = asyncio.create_task(
                    embed_chunks(embedder, got.todo), name="documents: embedding"
                )
                if writer is not None:
                    for event in await asyncio.shield(writer):
                        yield event
                if (far := _progress(got)) is not None:
                    yield far
                rows = await embedding
                writer = asyncio.create_task(_finish(got, rows, write), name="documents: writing")
            for event in await asyncio.shield(writer) if writer is not None else ():
                yield event
        finally:
            if embedding is not None:
                embedding.cancel()
            # Also those that failed: nobody else asks what they raised.
            running = [task for task in (embedding, writer) if task is not None]
            await asyncio.gather(*running, return_exceptions=True)


async def _finish(batch: Batch, rows: Embeddings, write: BatchWriter) -> Sequence[Ingested]:
    """Hands the vectors to their documents and stores the batch."""
    return await write(batch, await asyncio.to_thread(keep_vectors, batch.todo, rows))


def _progress(batch: Batch) -> Ingested | None:
    """Returns the progress of the document that a batch ends in, if it is a long one."""
    document = batch.todo[-1][0] if batch.todo else None
    if document is None or len(document.chunks) < _LONG_DOCUMENT_PASSAGES:
        return None
    total = len(document.chunks)
    done = total - len(document.missing())
    return Ingested(document.row.location, 0, 0, passages=done, passages_total=total)


async def _batches(
    documents: AsyncGenerator[PreparedDocument | Ingested, None],
) -> AsyncGenerator[Batch | Ingested, None]:
    batch = Batch(most=_FIRST_BATCH_TEXTS)
    async with aclosing(documents) as stream:
        async for got in stream:
            if isinstance(got, Ingested):
                yield got
                continue
            for ident in got.missing():
                batch.todo.append((got, ident))
                batch.texts += 1 + len(got.chunks[ident].sentences)
                if batch.full:
                    yield batch
                    batch = Batch()
            batch.complete.append(got)
            if batch.full:
                yield batch
                batch = Batch()
    if batch.complete:
        yield batch


async def _prefetch(source: AsyncGenerator[_T, None]) -> AsyncGenerator[_T, None]:
    """Yields the items of a source, and starts on the next one while one is in use."""

    async def step() -> _T | None:
        return await anext(source, None)

    task = asyncio.create_task(step(), name="documents: reading")
    try:
        while (item := await task) is not None:
            task = asyncio.create_task(step(), name="documents: reading")
            yield item
    finally:
        if not task.done():
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await source.aclose()
