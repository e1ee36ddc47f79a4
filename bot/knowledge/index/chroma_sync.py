"""Keeps Chroma consistent with the database.

The database says which passages there are. Chroma is written before a change of the database (so
that what becomes visible can be found) and cleared after it; in between the document is marked as
pending, and whatever was interrupted is put right by `reconcile`.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from backends.arrays import np
from bot.knowledge.index.chroma import ChromaIndex, collection_name
from bot.knowledge.index.quantized_vectors import dequantise
from bot.knowledge.index.rows import BaseRow
from bot.knowledge.index.store import KnowledgeStore

_REPAIR_BATCH_VECTORS = 500
_SAMPLED_PASSAGES = 16
"""Passages whose vectors are looked up to prove that a collection can be searched."""
_MIN_SAME_COSINE = 0.99
"""The least cosine of a vector with its own copy in the database, which is rounded."""


@dataclass(frozen=True, slots=True)
class RepairCounts:
    """The numbers of vectors that `reconcile` removed and added."""

    removed: int = 0
    added: int = 0


async def reconcile(
    store: KnowledgeStore,
    chroma: ChromaIndex,
    base: BaseRow,
    document: str | None = None,
    *,
    keep: AbstractSet[str] = frozenset(),
    beside: bool = False,
) -> RepairCounts:
    """Makes Chroma hold exactly the passages of a base, or of one document of it.

    What is missing is put back from the copy beside the passage, without the embedder. `keep` are
    ids of passages to be, whose vectors may be there already. `beside`, another process may be
    reading documents in: their vectors stay, too.
    """
    collection = collection_name(base.name, base.generation)
    # In this order: whoever reads a document in marks it as pending before its first vector, and
    # takes the mark away when its passages are stored, or later.
    present = await chroma.ids(collection, document)
    pending = {ident for _, _, ident in await store.pending(base.name)} if beside else set()
    wanted = await store.passage_ids(base.name, base.generation, document)
    strangers = present - wanted - keep
    removed = {ident for ident in strangers if _document_of(ident) not in pending}
    await chroma.delete(collection, sorted(removed))
    missing = sorted(wanted - present)
    for at in range(0, len(missing), _REPAIR_BATCH_VECTORS):
        await _restore_vectors(store, chroma, base, missing[at : at + _REPAIR_BATCH_VECTORS])
    return RepairCounts(len(removed), len(missing))


async def _restore_vectors(
    store: KnowledgeStore, chroma: ChromaIndex, base: BaseRow, idents: Sequence[str]
) -> None:
    kept = await store.vectors(base.generation, idents)
    rows = [dequantise(data, base.dimension)[0] for data in kept.values()]
    if rows:
        await chroma.upsert(
            collection_name(base.name, base.generation),
            list(kept),
            [_document_of(ident) for ident in kept],
            np.array(rows, dtype=np.float32),
        )


def _document_of(passage: str) -> str:
    """Returns the id of the document that a passage is of."""
    return passage.partition("-")[0]


async def are_all_searchable(store: KnowledgeStore, chroma: ChromaIndex) -> bool:
    """Tells whether Chroma has all passages of every base, and finds a sample by their vectors.

    The search is tried since the graph can be lost while the ids are still known. Raises
    `IndexDamaged`.
    """
    return all([await is_searchable(store, chroma, b) for b in (await store.bases()).values()])


async def is_searchable(store: KnowledgeStore, chroma: ChromaIndex, base: BaseRow) -> bool:
    """Tells whether Chroma has all passages of a base, and finds a sample by their vectors."""
    collection = collection_name(base.name, base.generation)
    if await chroma.count(collection) < await store.count_passages(base.name, base.generation):
        return False
    sample = await store.sample_vectors(base.name, base.generation, _SAMPLED_PASSAGES)
    missed = 0
    for data in sample:
        near = await chroma.query(collection, dequantise(data, base.dimension)[0], 1)
        missed += not near or near[0][1] < _MIN_SAME_COSINE
    # The search is not exact: where many passages are nearly the same, the graph may lead to few of
    # them. Without a graph only what was written last is found.
    return missed <= 3 * len(sample) // 4
