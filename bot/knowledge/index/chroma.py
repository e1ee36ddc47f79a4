"""Stores and searches the vectors in Chroma, in a folder or in a server.

Chroma is imported when it is first needed (that takes a second), gets vectors of ours only (its
own embedding function downloads a model), and is written to from one thread, so that writes come
in order. A write holds the interpreter, so batches are small. What Chroma holds is derived: which
passages there are is the database's word, and an id without a row there is never shown.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

import structlog

from backends.arrays import np
from backends.base import Embeddings
from bot.errors import StorageError
from bot.knowledge.index.chroma_store import (
    ChromaStore,
    IndexDamaged,
    ServerFails,
    VectorsUnavailable,
)

if TYPE_CHECKING:
    from chromadb.api.models.Collection import Collection

log = structlog.get_logger(__name__)

_T = TypeVar("_T")
_WRITE_BATCH_VECTORS = 32
"""Vectors written in one call, which holds the interpreter: for 10 ms where there are few, for 20
and now and then 60 among ten thousand. Half as many take half as long again altogether."""
_READ_BATCH_IDS = 2_000
_NO_ID = "none"
"""No passage's id."""


def collection_name(base: str, generation: int) -> str:
    """Returns the name of a base's collection; Chroma allows 3 to 512 plain characters."""
    digest = hashlib.blake2b(base.encode(), digest_size=8).hexdigest()
    return f"passages-{digest}-{generation}"


class ChromaIndex:
    """Vectors by passage id, in one collection for each knowledge base and generation.

    Each call raises `IndexDamaged`, `VectorsUnavailable` or another `StorageError`.
    """

    def __init__(self, store: ChromaStore) -> None:
        self._store = store
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="chroma")
        self._readers = (
            ThreadPoolExecutor(max_workers=store.readers, thread_name_prefix="chroma-reader")
            if store.readers
            else self._writer
        )
        self._collections: dict[str, Collection] = {}
        self._closed = False
        self._rest_until = 0.0
        self._damage: IndexDamaged | None = None
        self._behind = False
        self._lost = False
        """Whether a collection was gone; set on a thread."""
        self._attention = asyncio.Event()
        self.trouble = ""
        """Why a server cannot be used, as it was when it was last spoken to; "" where it can."""
        self._is_failing = False
        """Whether that trouble is a `ServerFails`."""

    async def upsert(
        self, collection: str, ids: Sequence[str], documents: Sequence[str], vectors: Embeddings
    ) -> None:
        """Writes vectors, shape (len(ids), dim), with the document id of each."""
        for at in range(0, len(ids), _WRITE_BATCH_VECTORS):
            part = slice(at, at + _WRITE_BATCH_VECTORS)
            rows = np.ascontiguousarray(vectors[part], dtype=np.float32)
            await self._write(self._upsert, collection, list(ids[part]), documents[part], rows)

    async def query(
        self, collection: str, vector: Embeddings, limit: int
    ) -> list[tuple[str, float]]:
        """Returns the passages nearest to a unit vector, shape (dim,), with their cosines."""
        return await self._call(
            self._readers, self._store.read_timeout_s, self._query, collection, vector, limit
        )

    async def ids(self, collection: str, document: str | None = None) -> set[str]:
        """Returns all ids in a collection, or those of one document."""
        found: set[str] = set()
        while True:
            page = await self._read(self._ids, collection, document, len(found))
            found.update(page)
            if len(page) < _READ_BATCH_IDS:
                return found

    async def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Removes vectors; unknown ids are ignored."""
        for at in range(0, len(ids), _WRITE_BATCH_VECTORS):
            await self._write(self._delete, collection, list(ids[at : at + _WRITE_BATCH_VECTORS]))

    async def try_writing(self, collection: str) -> None:
        """Writes something that changes nothing."""
        await self.delete(collection, [_NO_ID])

    async def count(self, collection: str) -> int:
        """Returns the number of vectors in a collection."""
        return await self._read(self._count, collection)

    async def check(self) -> None:
        """Checks for damage; quick, and does not import Chroma. Everything else fails with it."""
        await self._write(self._store.check)

    async def reset(self) -> None:
        """Removes all vectors of this installation, damaged or not."""
        damage, self._damage = self._damage, None
        try:
            await self._write(self._reset)
        except StorageError:
            self._damage = self._damage or damage
            raise
        self._settle_attention()

    async def names(self) -> set[str]:
        """Returns the names of all collections."""
        return await self._read(self._store.names)

    async def drop(self, collection: str) -> None:
        """Removes a collection if it exists."""
        await self._write(self._drop, collection)

    async def scrub(self) -> None:
        """Clears files of what was in memory before; Chroma is opened again as it is needed."""
        if not self._store.server:
            await self._write(self._close)

    async def aclose(self) -> None:
        """Closes Chroma, which writes what it holds, and ends its threads. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        with suppress(StorageError, TimeoutError):  # what is lost by it can be made again
            async with asyncio.timeout(self._store.read_timeout_s):
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._writer, partial(self._explained, self._close))
        for pool in {self._writer, self._readers}:
            await asyncio.to_thread(pool.shutdown, wait=not self._store.server)

    # --- what is to be put right -----------------------------------------------------------------

    @property
    def damaged(self) -> bool:
        """Whether the vectors are known to be damaged; all calls fail until `reset`."""
        return self._damage is not None

    @property
    def server(self) -> str:
        """The address of the server that has the vectors; "" where it is a folder of our own, which
        nobody else changes."""
        return self._store.server

    @contextmanager
    def postponing(self) -> Iterator[None]:
        """Leaves to the next comparison what a server cannot be told now."""
        try:
            yield
        except VectorsUnavailable:
            self.note_behind()

    def note_behind(self) -> None:
        """Says that vectors may be missing, or too many: they are to be compared soon."""
        self._behind = True
        self._attention.set()

    def begin_comparison(self) -> bool:
        """Says that a comparison begins, which finds all that is missing until now; returns whether
        anything is known to be."""
        behind, self._behind = self._behind, False
        self._settle_attention()
        return behind

    async def wait_for_trouble(self, timeout_s: float | None) -> None:
        """Waits until vectors are known to be damaged or behind, or this time has passed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._attention.wait()

    def _settle_attention(self) -> None:
        if self._damage is None and not self._behind:
            self._attention.clear()

    # --- calls -----------------------------------------------------------------------------------

    async def _read(self, function: Callable[..., _T], *args: Any) -> _T:
        return await self._call(self._readers, self._store.write_timeout_s, function, *args)

    async def _write(self, function: Callable[..., _T], *args: Any) -> _T:
        return await self._call(self._writer, self._store.write_timeout_s, function, *args)

    async def _call(
        self,
        pool: ThreadPoolExecutor,
        timeout_s: float | None,
        function: Callable[..., _T],
        *args: Any,
    ) -> _T:
        """Calls a function on a thread, unless the vectors are known to be unusable now."""
        if self._closed:
            raise StorageError("The documents are closed, because Parlance is stopping.")
        if self._damage is not None:
            raise IndexDamaged(self._damage.where)
        about_this = pool is self._writer or not self._is_failing
        if self.trouble and about_this:
            if time.monotonic() < self._rest_until:
                raise VectorsUnavailable(self.trouble)
            # One call finds out whether it is well again, and nobody else waits meanwhile.
            self._rest_until = time.monotonic() + (timeout_s or 0.0)
        await self._store.prepare()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s):
                done = await loop.run_in_executor(pool, partial(self._explained, function, *args))
        except asyncio.CancelledError:
            self._rest_until = 0.0  # it found nothing out
            raise
        except TimeoutError as exc:
            said = self._store.explain(exc) or StorageError("Chroma takes too long.")
            self._note_trouble(said)
            raise said from None
        except StorageError as exc:
            self._note_trouble(exc)
            raise
        if self._lost:
            self._lost = False
            self.note_behind()
        if self.trouble and about_this:
            self.trouble = ""
            log.info("knowledge.vectors_available_again")
        return done

    def _note_trouble(self, error: StorageError) -> None:
        if isinstance(error, IndexDamaged):
            self._damage = error
            self._attention.set()
        elif isinstance(error, VectorsUnavailable):
            self._rest_until = time.monotonic() + self._store.rest_s
            if not self.trouble:
                log.warning("knowledge.vectors_unavailable", reason=str(error))
            self.trouble = str(error)
            self._is_failing = isinstance(error, ServerFails)
            self.note_behind()

    # --- on a thread -----------------------------------------------------------------------------

    def _explained(self, function: Callable[..., _T], *args: Any) -> _T:
        """Calls a function; errors of Chroma's become `StorageError`s with one sentence."""
        try:
            return function(*args)
        except BaseException as exc:  # a panic of its engine is no `Exception`
            said = self._store.explain(exc)
            if said is None:
                raise
            raise said from exc

    def _collection(self, name: str, *, make: bool) -> Collection | None:
        found = self._collections.get(name)
        if found is None:
            found = self._store.collection(name) if make else self._store.find(name)
            if found is not None:
                self._collections[name] = found
        return found

    def _use(
        self, name: str, use: Callable[[Collection], _T], otherwise: _T, *, make: bool = False
    ) -> _T:
        """Calls a function with a collection, which is looked up again where a server has another
        one by now; returns `otherwise` where there is none."""
        found = self._collection(name, make=make)
        if found is not None:
            try:
                return use(found)
            except BaseException as exc:
                if not self._store.is_gone(exc):
                    raise
            self._lost = True
            self._collections.pop(name, None)
            found = self._collection(name, make=make)
        return use(found) if found is not None else otherwise

    def _count(self, name: str) -> int:
        return self._use(name, lambda found: found.count(), 0)

    def _upsert(
        self, name: str, ids: list[str], documents: Sequence[str], vectors: Embeddings
    ) -> None:
        about: Any = [{"document": document} for document in documents]
        rows = cast(Any, vectors)
        self._use(
            name,
            lambda found: found.upsert(ids=ids, embeddings=rows, metadatas=about),
            None,
            make=True,
        )

    def _query(self, name: str, vector: Embeddings, limit: int) -> list[tuple[str, float]]:
        rows = cast(Any, vector[np.newaxis, :])

        def ask(collection: Collection) -> list[tuple[str, float]]:
            found = collection.query(query_embeddings=rows, n_results=limit, include=["distances"])
            distances = (found["distances"] or [[]])[0]
            return [(i, 1.0 - float(d)) for i, d in zip(found["ids"][0], distances, strict=True)]

        return self._use(name, ask, [])

    def _ids(self, name: str, document: str | None, offset: int) -> list[str]:
        where: Any = {"document": document} if document is not None else None

        def page(collection: Collection) -> list[str]:
            found = collection.get(where=where, limit=_READ_BATCH_IDS, offset=offset, include=[])
            return found["ids"]

        return self._use(name, page, [])

    def _delete(self, name: str, ids: list[str]) -> None:
        def delete(collection: Collection) -> None:
            collection.delete(ids=ids)

        self._use(name, delete, None)

    def _drop(self, name: str) -> None:
        self._collections.pop(name, None)
        self._store.drop(name)

    def _reset(self) -> None:
        with suppress(StorageError):  # whatever it still wants to write is of no use
            self._explained(self._close)
        self._store.clear()

    def _close(self) -> None:
        self._collections.clear()
        self._store.close()
