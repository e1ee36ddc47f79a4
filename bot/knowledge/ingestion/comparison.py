"""Compares what a Chroma server holds with the database, and puts right what differs.

A server can be emptied, put back to an older state or lose its folder without an error, and what
could not be written while it was away is missing in it. One of the processes on a database does it
at a time. Others may read documents in meanwhile: nothing of what they are writing is taken away.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

import structlog

from bot.knowledge.index.chroma import ChromaIndex, collection_name
from bot.knowledge.index.chroma_sync import RepairCounts, is_searchable, reconcile
from bot.knowledge.index.rows import BaseRow
from bot.knowledge.index.store import KnowledgeStore
from bot.processes.leases import Leases, held

log = structlog.get_logger(__name__)

_LEASE: Final = "vectors"
_MAX_COUNTED_BASES: Final = 200
"""Bases whose vectors are counted in one round: with documents of their own, there may be as many
bases as people."""


class VectorComparison:
    """Makes a server hold what the database says; one call after the other, so that it has little
    to do at a time, however many bases there are."""

    def __init__(self, store: KnowledgeStore, chroma: ChromaIndex, leases: Leases) -> None:
        self._leases = leases
        self._store = store
        self._chroma = chroma
        self._counted = ""
        """The last base whose vectors were counted; the next round goes on after it."""

    async def run(self, *, closely: bool = False) -> None:
        """Compares once. Raises `VectorsUnavailable`.

        Collections that are missing are made, and the vectors of some others are counted, of
        different ones each time. Where something is known to be missing, all are looked at, and
        each vector looked up; `closely`, a sample of them is searched for, too.
        """
        async with held(self._leases, _LEASE):
            await self._compare(closely=closely)

    async def _compare(self, *, closely: bool) -> None:
        chroma = self._chroma
        each = chroma.begin_comparison() or closely
        names = await chroma.names()
        live = (await self._store.bases()).values()
        dropped = [*_strangers(names, live)]
        for name in dropped:
            await chroma.drop(name)
        compared = live if each else self._choose(names, live)
        added = removed = 0
        for base in compared:
            repaired = await _compare_base(self._store, chroma, base, each=each, closely=closely)
            added += repaired.added
            removed += repaired.removed
        if chroma.trouble and live:  # what is well again is said after a write alone
            await chroma.try_writing(next(map(_collection_of, live)))
        there = await self._store.bases()
        for base in compared:
            if there.get(base.name) != base:  # it was forgotten or rebuilt meanwhile
                await chroma.drop(_collection_of(base))
        if added or removed or dropped:
            log.warning(
                "knowledge.vectors_repaired", added=added, removed=removed, collections=len(dropped)
            )

    def _choose(self, names: Collection[str], live: Collection[BaseRow]) -> Collection[BaseRow]:
        """Returns the bases without a collection, and the next of the others."""
        missing = [base for base in live if _collection_of(base) not in names]
        others = sorted(
            (base for base in live if _collection_of(base) in names),
            key=lambda base: (base.name <= self._counted, base.name),
        )[:_MAX_COUNTED_BASES]
        if others:
            self._counted = others[-1].name
        return [*missing, *others]


def _collection_of(base: BaseRow) -> str:
    return collection_name(base.name, base.generation)


async def _compare_base(
    store: KnowledgeStore, chroma: ChromaIndex, base: BaseRow, *, each: bool, closely: bool
) -> RepairCounts:
    collection = _collection_of(base)
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
