"""A document that was loaded and cut, before it is stored, and the embedding of its chunks."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from backends.arrays import np
from backends.base import Embeddings
from bot.knowledge.index.quantized_vectors import quantise
from bot.knowledge.index.rows import DocumentRow, NewDocument, PassageRow
from bot.knowledge.ingestion.chunking import Chunk, Chunker
from bot.knowledge.retrieval.embedder import Embedder
from bot.skills.document_tree import Block


@dataclass(slots=True)
class PreparedDocument:
    """A loaded and cut document. `vectors`, quantised, by passage id, is filled batch by batch.

    `changed`: another version of it is stored. `leftovers`: the indexes may hold passages of an
    older version or of an interrupted ingestion. `staged`: some of its vectors are stored already,
    until it is complete.
    """

    row: DocumentRow
    packed: bytes = field(repr=False)
    chunks: dict[str, Chunk] = field(repr=False)
    vectors: dict[str, bytes] = field(repr=False)
    changed: bool = False
    leftovers: bool = False
    staged: bool = False

    def missing(self) -> list[str]:
        """Returns the ids of the passages that still have to be embedded."""
        return [ident for ident in self.chunks if ident not in self.vectors]

    def stored(self) -> NewDocument:
        """Returns the rows for the database; every passage must have its vectors."""
        rows = tuple(
            PassageRow(ident, chunk.heading, chunk.text, self.vectors[ident], chunk.place)
            for ident, chunk in self.chunks.items()
        )
        return NewDocument(self.row, self.packed, rows, fresh=not (self.leftovers or self.staged))


async def embed_chunks(
    embedder: Embedder, todo: Sequence[tuple[PreparedDocument, str]]
) -> Embeddings:
    """Embeds chunks and their sentences in one call, sorted by length.

    Returns the vectors of each chunk, its own and then its sentences', in the order of `todo`.
    Raises a `BackendError`.
    """
    texts = [text for document, ident in todo for text in document.chunks[ident].texts]
    if not texts:
        return np.zeros((0, embedder.dimension), dtype=np.float32)
    order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
    found = await embedder.embed([texts[at] for at in order])
    rows = np.empty_like(found)
    rows[order] = found
    return rows


def keep_vectors(todo: Sequence[tuple[PreparedDocument, str]], rows: Embeddings) -> Embeddings:
    """Fills in the quantised vectors of documents from those of their chunks and sentences.

    Returns the vectors of the chunks as wholes, shape (len(todo), dim).
    """
    starts: list[int] = []
    end = 0
    for document, ident in todo:
        starts.append(end)
        end += len(document.chunks[ident].texts)
        document.vectors[ident] = quantise(rows[starts[-1] : end])
    whole: Embeddings = rows[starts]
    return whole


def cut_chunks(
    ident: str, chunker: Chunker, title: str, blocks: Sequence[Block]
) -> dict[str, Chunk]:
    """A document's chunks by passage id. The id follows the text, so that a passage keeps it, and
    its vectors, when something else in the document changes."""
    found: dict[str, Chunk] = {}
    for chunk in chunker.chunks(title, blocks):
        digest = hashlib.blake2b(f"{chunk.embedding_text}\0{chunk.text}".encode(), digest_size=6)
        name = f"{ident}-{digest.hexdigest()}"
        copy = 1
        while name in found:
            copy += 1
            name = f"{ident}-{digest.hexdigest()}-{copy}"
        found[name] = chunk
    return found
