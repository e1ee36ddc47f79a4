"""Ingests the documents that changed: loads, cuts, embeds and stores them.

Each document becomes visible in one transaction, never by halves.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath

from backends.base import Embeddings
from bot.catalogue.sentence import say
from bot.errors import Gone, Refused, UserFacingError
from bot.knowledge.index.chroma import ChromaIndex, collection_name
from bot.knowledge.index.chroma_sync import reconcile
from bot.knowledge.index.rows import (
    BaseRow,
    DocumentRow,
    document_id,
)
from bot.knowledge.index.store import KnowledgeStore
from bot.knowledge.ingestion.chunking import Chunker
from bot.knowledge.ingestion.pipeline import Batch, embed_documents
from bot.knowledge.ingestion.prepared import PreparedDocument, cut_chunks
from bot.knowledge.loading.block_frames import (
    decode_left_out,
    decode_recognized,
    encode_left_out,
    may_be_scans,
    pack_blocks,
)
from bot.knowledge.loading.document import RawDocument, count_characters
from bot.knowledge.loading.document_reader import DocumentReader, refuse_on_error
from bot.knowledge.loading.registry import LOADERS_VERSION
from bot.knowledge.loading.sources import SourceItem
from bot.knowledge.retrieval.embedder import Embedder
from bot.skills.document_loader import MAX_CHARACTERS, Loaded, NoText, TooLong
from bot.skills.document_tree import describe_left_out
from bot.values import Ingested
from bot.web.validators import NOTHING_KNOWN, Validators, decode_validators


@dataclass(frozen=True, slots=True)
class IngestionTarget:
    """Where documents are stored: the base, its embedder and chunker, and who adds them."""

    base: BaseRow
    embedder: Embedder
    chunker: Chunker
    by: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class FoundItem:
    """An item to ingest, and the document that is stored of it, if there is one."""

    item: SourceItem
    known: DocumentRow | None


class Ingestor:
    """Ingests items into a base. The caller makes sure that each base has one run at a time."""

    def __init__(
        self, store: KnowledgeStore, chroma: ChromaIndex, document_reader: DocumentReader
    ) -> None:
        self._store = store
        self._chroma = chroma
        self._document_reader = document_reader

    async def ingest(
        self, target: IngestionTarget, items: AsyncGenerator[Ingested | FoundItem, None]
    ) -> AsyncGenerator[Ingested, None]:
        """Ingests the items, and yields the outcome of each when it is done; what is an outcome
        already is passed on.

        Closing the generator stops it: documents that were reported are stored, the others are as
        they were.
        """
        documents = self._prepared(target, items)
        write = partial(self._write, target)
        async with aclosing(embed_documents(target.embedder, documents, write)) as events:
            async for event in events:
                yield event

    async def _prepared(
        self, target: IngestionTarget, items: AsyncGenerator[Ingested | FoundItem, None]
    ) -> AsyncGenerator[PreparedDocument | Ingested, None]:
        pending = frozenset(await self._store.pending(target.base.name))
        async for found in items:
            if isinstance(found, Ingested):
                yield found
            else:
                yield await self._prepare(target, found.item, found.known, pending)

    async def _prepare(
        self,
        target: IngestionTarget,
        item: SourceItem,
        known: DocumentRow | None,
        pending: AbstractSet[tuple[str, int, str]],
    ) -> PreparedDocument | Ingested:
        """Read and cut one document, unless nothing changed. A refusal is reported, not raised."""
        try:
            name = PurePosixPath(item.location).name[:100] or item.location[:100]
            raw = await refuse_on_error(name, item.read(_validators(known)))
            if raw is None:
                if known is not None and known.revision != item.revision:
                    await self._store.touch(replace(known, revision=item.revision))
                return Ingested(item.location, 0, 0, "unchanged")
            digest = _digest(raw.data)
            if known is not None and known.digest == digest:
                await self._touch(known, item, raw, digest)
                return Ingested(item.location, 0, 0, "unchanged")
            loaded = await self._document_reader.load(raw)
            cut = asyncio.to_thread(self._cut, target, item, raw, digest, loaded)
            made = await refuse_on_error(name, cut)
        except Gone as exc:
            state = "refused" if known is None else "gone"
            return Ingested(item.location, 0, 0, state, str(exc))
        except UserFacingError as exc:
            unread = len(exc.unread_pages) if isinstance(exc, NoText) else 0
            return Ingested(item.location, 0, 0, "refused", str(exc), unread_pages=unread)
        if known is None:
            if (target.base.name, target.base.generation, made.row.id) not in pending:
                return made  # it is new: nothing of it is stored
        else:
            told = made.row.title, made.row.left_out
            same = (known.title, known.left_out) == told
            if same and await self._store.blocks(known.id) == loaded.blocks:
                await self._touch(known, item, raw, digest)
                return Ingested(item.location, 0, 0, "unchanged")
            made.row = replace(made.row, added_by=known.added_by)
            made.changed = True
        made.leftovers = True
        made.vectors = await self._store.known_vectors(made.row.id, target.base.generation)
        return made

    def _cut(
        self,
        target: IngestionTarget,
        item: SourceItem,
        raw: RawDocument,
        digest: str,
        loaded: Loaded,
    ) -> PreparedDocument:
        """In a thread: cut what was loaded into passages. Raises `Refused`."""
        location = item.location
        characters = count_characters(loaded.blocks)
        if characters > MAX_CHARACTERS:
            raise TooLong(raw.title)
        title = loaded.title or PurePosixPath(raw.name).stem[:200]
        ident = document_id(target.base.name, location)
        chunks = cut_chunks(ident, target.chunker, title, loaded.blocks)
        if not chunks:
            raise Refused(say("{name} has no readable text.", name=raw.name[:100]))
        row = DocumentRow(
            id=ident,
            base=target.base.name,
            source=target.source or location,
            location=location,
            title=title,
            digest=digest,
            size=raw.stat.size,
            modified_ns=raw.stat.modified_ns,
            characters=characters,
            passages=len(chunks),
            added_by=target.by,
            at=time.time(),
            left_out=encode_left_out(loaded.left_out, loaded.recognized),
            revision=item.revision,
            validators=raw.validators,
        )
        return PreparedDocument(row, pack_blocks(loaded.blocks), chunks, {})

    async def _touch(
        self, known: DocumentRow, item: SourceItem, raw: RawDocument, digest: str
    ) -> None:
        """The text is the same: remember the new state of the file or page."""
        looked = replace(
            known,
            size=raw.stat.size,
            modified_ns=raw.stat.modified_ns,
            digest=digest,
            revision=item.revision,
            validators=raw.validators,
        )
        if looked != known:
            await self._store.touch(looked)

    async def _write(
        self, target: IngestionTarget, batch: Batch, rows: Embeddings
    ) -> Sequence[Ingested]:
        """Store a batch: vectors first, then each complete document in one transaction."""
        base = target.base
        touched = {document.row.id: document for document, _ in batch.todo}
        touched.update({document.row.id: document for document in batch.complete})
        await self._store.mark_pending(base.name, base.generation, list(touched))
        with self._chroma.postponing():
            await self._chroma.upsert(
                collection_name(base.name, base.generation),
                [ident for _, ident in batch.todo],
                [document.row.id for document, _ in batch.todo],
                rows,
            )
        complete = {document.row.id for document in batch.complete}
        waiting = [(d, ident) for d, ident in batch.todo if d.row.id not in complete]
        for document, _ in waiting:
            document.staged = True
        await self._store.stage(
            base.generation,
            [(document.row.id, ident, document.vectors[ident]) for document, ident in waiting],
        )
        clean = [document.row.id for document in batch.complete if not document.leftovers]
        await self._store.replace(
            [one.stored() for one in batch.complete], base.generation, settled=clean
        )
        for document in batch.complete:
            if document.leftovers:
                with self._chroma.postponing():
                    await reconcile(self._store, self._chroma, base, document.row.id)
                await self._store.settle(base.name, base.generation, [document.row.id])
        return [
            Ingested(
                document.row.location,
                0,
                0,
                "changed" if document.changed else "added",
                left_out=describe_left_out(left_out),
                recognized_pages=len(decode_recognized(document.row.left_out)),
                unread_pages=sum(one.count for one in left_out if may_be_scans(one.what)),
            )
            for document in batch.complete
            for left_out in [decode_left_out(document.row.left_out)]
        ]


_DIGEST_PREFIX = f"{LOADERS_VERSION}:"
"""The start of a digest; documents that older loaders read have another one, or none."""


def _digest(data: bytes) -> str:
    """Returns a digest of the bytes and the loaders' version; equal digests mean equal text."""
    return _DIGEST_PREFIX + hashlib.blake2b(data, digest_size=16).hexdigest()


def is_outdated(known: DocumentRow) -> bool:
    """Tells whether older loaders read a document."""
    return not known.digest.startswith(_DIGEST_PREFIX)


def _validators(known: DocumentRow | None) -> Validators:
    """Returns the validators of a document that is stored and need not be read again."""
    if known is None or is_outdated(known):
        return NOTHING_KNOWN
    return decode_validators(known.validators)


def is_unchanged(known: DocumentRow | None, item: SourceItem) -> bool:
    """Tells whether a document is the one that was last read: by the size and modification time of
    a file, or by what its source calls the version."""
    if known is None or is_outdated(known):
        return False
    if item.stat is not None:
        return (known.size, known.modified_ns) == (item.stat.size, item.stat.modified_ns)
    return bool(item.revision) and known.revision == item.revision
