"""Stores and searches the vectors in Chroma's embedded store.

Chroma is imported when it is first needed (that takes a second), gets vectors of ours only (its
own embedding function downloads a model), and is spoken to from one thread, so that writes come
in order. A write holds the interpreter, so batches are small. What Chroma holds is derived: which
passages there are is the database's word, and an id without a row there is never shown. Where its
files are damaged they are thrown away, and the vectors made again.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from backends.arrays import np
from backends.base import Embeddings
from bot.errors import StorageError
from bot.knowledge.index import chroma_files
from bot.knowledge.index.late_trace_exporter import late_trace_exporter
from bot.private_files import make_folder

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

_T = TypeVar("_T")
_WRITE_BATCH_VECTORS = 32
"""Vectors written in one call, which holds the interpreter: for 10 ms where there are few, for 20
and now and then 60 among ten thousand. Half as many take half as long again altogether."""
_READ_BATCH_IDS = 2_000
_MIN_FREE_BYTES = 16 * 1024 * 1024
"""Bytes that Chroma needs free for a write, since it rewrites its log."""


class IndexDamaged(StorageError):
    """The vectors cannot be read; they can be made again from the database."""

    def __init__(self, directory: Path) -> None:
        super().__init__(
            f"The documents' vectors in {directory} are damaged; `parlance docs verify` makes them "
            "again."
        )


def collection_name(base: str, generation: int) -> str:
    """Returns the name of a base's collection; Chroma allows 3 to 512 plain characters."""
    digest = hashlib.blake2b(base.encode(), digest_size=8).hexdigest()
    return f"passages-{digest}-{generation}"


class ChromaIndex:
    """Vectors by passage id, in one collection for each knowledge base and generation.

    The directory belongs to this process alone: the lock of the data directory sees to it, since
    a second opener can hang for minutes.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="chroma")
        self._client: ClientAPI | None = None
        self._collections: dict[str, Collection] = {}
        self._files_checked = False
        self._closed = False
        self.damaged = asyncio.Event()
        """Set while the files are known to be damaged, until `reset`; all calls fail meanwhile."""

    async def upsert(
        self, collection: str, ids: Sequence[str], documents: Sequence[str], vectors: Embeddings
    ) -> None:
        """Writes vectors, shape (len(ids), dim), with the document id of each."""
        for at in range(0, len(ids), _WRITE_BATCH_VECTORS):
            part = slice(at, at + _WRITE_BATCH_VECTORS)
            rows = np.ascontiguousarray(vectors[part], dtype=np.float32)
            await self._run(self._upsert, collection, list(ids[part]), documents[part], rows)

    async def query(
        self, collection: str, vector: Embeddings, limit: int
    ) -> list[tuple[str, float]]:
        """Returns the passages nearest to a unit vector, shape (dim,), with their cosines."""
        return await self._run(self._query, collection, vector, limit)

    async def ids(self, collection: str, document: str | None = None) -> set[str]:
        """Returns all ids in a collection, or those of one document."""
        return await self._run(self._ids, collection, document)

    async def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Removes vectors; unknown ids are ignored."""
        for at in range(0, len(ids), _WRITE_BATCH_VECTORS):
            await self._run(self._delete, collection, list(ids[at : at + _WRITE_BATCH_VECTORS]))

    async def count(self, collection: str) -> int:
        """Returns the number of vectors in a collection."""
        return await self._run(lambda: self._collection(collection).count())

    async def check(self) -> None:
        """Checks the files for damage, once; quick, and does not import Chroma.

        Raises `IndexDamaged`, as everything else does then.
        """
        await self._run(self._check_files)

    async def reset(self) -> None:
        """Removes all vectors, damaged or not, and opens an empty store."""
        await self._on_thread(self._reset)
        self.damaged.clear()

    async def open(self) -> None:
        """Open the store now; takes a second or two the first time, some of it with everything
        else held up."""
        await self._run(self._open)

    async def names(self) -> set[str]:
        """Returns the names of all collections."""
        return await self._run(self._names)

    async def drop(self, collection: str) -> None:
        """Removes a collection if it exists."""
        await self._run(self._drop, collection)

    async def scrub(self) -> None:
        """Clears the files of what was in memory before; Chroma is opened again as it is needed."""
        await self._run(self._close)

    async def aclose(self) -> None:
        """Closes Chroma, which writes what it holds, and ends its thread. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        loop = asyncio.get_running_loop()
        with suppress(StorageError):  # what is lost by it can be made again
            await loop.run_in_executor(self._thread, partial(self._translate_errors, self._close))
        await asyncio.to_thread(self._thread.shutdown)

    async def _run(self, function: Callable[..., _T], *args: Any) -> _T:
        if self.damaged.is_set():
            raise IndexDamaged(self._directory)
        return await self._on_thread(function, *args)

    async def _on_thread(self, function: Callable[..., _T], *args: Any) -> _T:
        if self._closed:
            raise StorageError("The documents are closed, because Parlance is stopping.")
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(
                self._thread, partial(self._translate_errors, function, *args)
            )
        except IndexDamaged:
            self.damaged.set()
            raise

    # --- on the thread ---------------------------------------------------------------------------

    def _translate_errors(self, function: Callable[..., _T], *args: Any) -> _T:
        """Calls a function; errors of Chroma's engine become `StorageError`s with one sentence."""
        try:
            return function(*args)
        except OSError as exc:
            raise StorageError(f"{self._directory} cannot be used: {exc.strerror}.") from exc
        except BaseException as exc:  # a panic of its engine is no `Exception`
            if not type(exc).__module__.startswith(("chromadb", "pyo3")):
                raise
            raise self._to_storage_error(str(exc)) from exc

    def _to_storage_error(self, said: str) -> StorageError:
        """Finds out why Chroma failed, since its own messages say little."""
        if self._is_full():
            return StorageError(
                f"There is no space left on the disk of {self._directory}; make room and start "
                "again."
            )
        files = (self._directory, self._directory / chroma_files.DATABASE_NAME)
        if not all(os.access(path, os.W_OK) for path in files if path.exists()):
            return StorageError(
                f"{self._directory} cannot be written to; check its owner and mode."
            )
        if "code: 5)" in said or "code: 14)" in said:
            return StorageError(f"{self._directory} cannot be opened, or is in use; try again.")
        return IndexDamaged(self._directory)

    def _is_full(self) -> bool:
        try:
            return shutil.disk_usage(self._directory).free < _MIN_FREE_BYTES
        except OSError:
            return False

    def _check_files(self) -> None:
        if not self._files_checked and chroma_files.find_damage(self._directory):
            raise IndexDamaged(self._directory)
        self._files_checked = True

    def _open(self) -> ClientAPI:
        if self._client is None:
            self._check_files()
            with suppress(
                OSError
            ):  # where the last process ended before; Chroma says what is wrong
                chroma_files.clear_unused_space(self._directory)
            with late_trace_exporter():
                import chromadb
            from chromadb.api.shared_system_client import SharedSystemClient
            from chromadb.config import Settings

            make_folder(self._directory)
            settings = Settings(anonymized_telemetry=False, allow_reset=False)
            try:
                self._client = chromadb.PersistentClient(str(self._directory), settings=settings)
            except BaseException as exc:
                SharedSystemClient.clear_system_cache()  # it keeps what it could not start
                if isinstance(exc, ValueError):  # its own tenant is not there
                    raise IndexDamaged(self._directory) from exc
                raise
        return self._client

    def _reset(self) -> None:
        with suppress(StorageError):  # whatever it still wants to write is of no use
            self._translate_errors(self._close)
        chroma_files.remove_files(self._directory)
        self._files_checked = False
        self._open()

    def _collection(self, name: str) -> Collection:
        found = self._collections.get(name)
        if found is None:
            found = self._open().get_or_create_collection(
                name,
                embedding_function=None,
                configuration={"hnsw": {"space": "cosine", "ef_search": 128}},
            )
            self._collections[name] = found
        return found

    def _upsert(
        self, name: str, ids: list[str], documents: Sequence[str], vectors: Embeddings
    ) -> None:
        self._collection(name).upsert(
            ids=ids,
            embeddings=cast(Any, vectors),
            metadatas=[{"document": document} for document in documents],
        )

    def _query(self, name: str, vector: Embeddings, limit: int) -> list[tuple[str, float]]:
        found = self._collection(name).query(
            query_embeddings=cast(Any, vector[np.newaxis, :]),
            n_results=limit,
            include=["distances"],
        )
        distances = (found["distances"] or [[]])[0]
        return [(i, 1.0 - float(d)) for i, d in zip(found["ids"][0], distances, strict=True)]

    def _ids(self, name: str, document: str | None) -> set[str]:
        collection = self._collection(name)
        where: Any = {"document": document} if document is not None else None
        found: set[str] = set()
        while True:
            page = collection.get(where=where, limit=_READ_BATCH_IDS, offset=len(found), include=[])
            found.update(page["ids"])
            if len(page["ids"]) < _READ_BATCH_IDS:
                return found

    def _delete(self, name: str, ids: list[str]) -> None:
        self._collection(name).delete(ids=ids)

    def _names(self) -> set[str]:
        return {collection.name for collection in self._open().list_collections()}

    def _drop(self, name: str) -> None:
        self._collections.pop(name, None)
        if name in self._names():
            self._open().delete_collection(name)

    def _close(self) -> None:
        client, self._client = self._client, None
        self._collections.clear()
        if client is not None:
            cast(Any, client).close()
            chroma_files.clear_unused_space(self._directory)
