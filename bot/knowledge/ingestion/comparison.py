"""Compares what a Chroma server holds with the database, and puts right what differs.

A server can be emptied, put back to an older state or lose its folder without an error, and what
could not be written while it was away is missing in it. Other processes may read documents in at
the same time: nothing of what they are writing is taken away.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import structlog

from bot.knowledge.index.chroma import ChromaIndex, collection_name
from bot.knowledge.index.chroma_sync import RepairCounts, is_searchable, reconcile
from bot.knowledge.index.rows import BaseRow
from bot.knowledge.index.store import KnowledgeStore

log = structlog.get_logger(__name__)


async def compare(store: KnowledgeStore, chroma: ChromaIndex, *, closely: bool = False) -> None:
    """Makes the server hold what the database says; one call after the other, so that it has little
    to do at a time.

    Vectors are counted; where some are known to be missing, each is looked up. `closely`, a sample
    is searched for, too. Raises `VectorsUnavailable`.
    """
    each = chroma.begin_comparison() or closely
    names = await chroma.names()
    live = (await store.bases()).values()
    dropped = [*_strangers(names, live)]
    for name in dropped:
        await chroma.drop(name)
    added = removed = 0
    for base in live:
        repaired = await _compare_base(store, chroma, base, each=each, closely=closely)
        added += repaired.added
        removed += repaired.removed
    if chroma.trouble and live:  # what is well again is said after a write alone
        await chroma.try_writing(next(collection_name(base.name, base.generation) for base in live))
    there = await store.bases()
    for base in live:
        if there.get(base.name) != base:  # it was forgotten or rebuilt meanwhile
            await chroma.drop(collection_name(base.name, base.generation))
    if added or removed or dropped:
        log.warning(
            "knowledge.vectors_repaired", added=added, removed=removed, collections=len(dropped)
        )


async def _compare_base(
    store: KnowledgeStore, chroma: ChromaIndex, base: BaseRow, *, each: bool, closely: bool
) -> RepairCounts:
    collection = collection_name(base.name, base.generation)
    count = await store.count_passages(base.name, base.generation)
    repaired = RepairCounts()
    if each or await chroma.count(collection) != count:
        repaired = await reconcile(store, chroma, base, beside=True)
    if closely and not await is_searchable(store, chroma, base):
        await chroma.drop(collection)  # its ids are there, and nothing is found by them
        repaired = await reconcile(store, chroma, base, beside=True)
    return repaired


def _strangers(names: Collection[str], live: Collection[BaseRow]) -> Iterator[str]:
    """Collections without a base, and those of generations before the live one; one that is being
    built is left alone."""
    generations = {
        collection_name(base.name, 0).rpartition("-")[0]: base.generation for base in live
    }
    for name in names:
        base, _, generation = name.rpartition("-")
        newest = generations.get(base)
        if newest is None or not generation.isdecimal() or int(generation) < newest:
            yield name
