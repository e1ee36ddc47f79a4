"""Chroma in a folder, which belongs to this process alone.

Where its files are damaged they are thrown away, and the vectors made again.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bot.errors import StorageError
from bot.knowledge.index import chroma_files
from bot.knowledge.index.chroma_store import COLLECTION_CONFIGURATION, IndexDamaged
from bot.knowledge.index.late_trace_exporter import late_trace_exporter
from bot.private_files import make_folder

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

_MIN_FREE_BYTES = 16 * 1024 * 1024
"""Bytes that Chroma needs free for a write, since it rewrites its log."""


class ChromaFolder:
    """Implements `ChromaStore`. The lock of the data directory sees to it that the folder is this
    process's alone, since a second opener can hang for minutes."""

    server = ""
    readers = 0
    read_timeout_s = None
    write_timeout_s = None
    rest_s = 0.0

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._client: ClientAPI | None = None
        self._files_checked = False

    async def prepare(self) -> None:
        """Needs nothing of the database."""

    def check(self) -> None:
        """Checks the files for damage, once; does not import Chroma. Raises `IndexDamaged`."""
        if not self._files_checked and chroma_files.find_damage(self._directory):
            raise IndexDamaged(self._directory)
        self._files_checked = True

    def _open(self) -> ClientAPI:
        """Opens Chroma where it is closed; takes a second or two the first time."""
        if self._client is None:
            self.check()
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

    def collection(self, name: str) -> Collection:
        """Returns a collection by its name, which is made if there is none."""
        return self._open().get_or_create_collection(
            name, embedding_function=None, configuration=COLLECTION_CONFIGURATION
        )

    def find(self, name: str) -> Collection:
        """Returns a collection to read from, which is made if there is none."""
        return self.collection(name)

    def names(self) -> set[str]:
        """Returns the names of all collections."""
        return {collection.name for collection in self._open().list_collections()}

    def drop(self, name: str) -> None:
        """Removes a collection if it exists."""
        if name in self.names():
            self._open().delete_collection(name)

    def clear(self) -> None:
        """Removes the files, which must be closed, and opens an empty store."""
        chroma_files.remove_files(self._directory)
        self._files_checked = False
        self._open()

    def close(self) -> None:
        """Closes Chroma, which writes what it holds, and clears the files of what was in memory."""
        client, self._client = self._client, None
        if client is not None:
            cast(Any, client).close()
            chroma_files.clear_unused_space(self._directory)

    def is_gone(self, error: BaseException) -> bool:
        """Nobody else removes a collection."""
        return False

    def explain(self, error: BaseException) -> StorageError | None:
        """Finds out why Chroma failed, since its own messages say little."""
        if isinstance(error, OSError):
            return StorageError(f"{self._directory} cannot be used: {error.strerror}.")
        if not type(error).__module__.startswith(("chromadb", "pyo3")):
            return None
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
        said = str(error)
        if "code: 5)" in said or "code: 14)" in said:
            return StorageError(f"{self._directory} cannot be opened, or is in use; try again.")
        return IndexDamaged(self._directory)

    def _is_full(self) -> bool:
        try:
            return shutil.disk_usage(self._directory).free < _MIN_FREE_BYTES
        except OSError:
            return False
