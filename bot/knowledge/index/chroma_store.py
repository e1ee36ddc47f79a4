"""What the two places of vectors have in common: a folder of this process, and a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from bot.errors import StorageError

if TYPE_CHECKING:
    from chromadb.api.models.Collection import Collection

COLLECTION_CONFIGURATION: Final[Any] = {"hnsw": {"space": "cosine", "ef_search": 128}}
"""How every collection is made, so that both places find the same passages."""


class IndexDamaged(StorageError):
    """The vectors cannot be read; they can be made again from the database."""

    def __init__(self, where: object) -> None:
        self.where = where
        super().__init__(
            f"The documents' vectors in {where} are damaged; `parlance docs verify` makes them "
            "again."
        )


class VectorsUnavailable(StorageError):
    """The server of the vectors cannot be used just now; the message says why, in a sentence."""


class ServerFails(VectorsUnavailable):
    """The server of the vectors answers, and cannot use what it has on its disk.

    It may find vectors from memory at one moment and not at the next; a write that succeeds shows
    that it is well again.
    """


class ChromaStore(Protocol):
    """Where Chroma keeps the vectors. All but `prepare` is called on threads of `ChromaIndex`, and
    raises what `explain` explains."""

    @property
    def server(self) -> str:
        """The address of the server; "" for a folder."""

    @property
    def readers(self) -> int:
        """Threads that read while another one writes; 0: one thread does everything. More than one
        was no faster with a server on the same machine."""

    @property
    def read_timeout_s(self) -> float | None:
        """The longest that a search may take, in seconds; None: it has no limit."""

    @property
    def write_timeout_s(self) -> float | None:
        """The longest that any other call may take."""

    @property
    def rest_s(self) -> float:
        """How long a server that failed is left alone: whoever asks meanwhile does not wait."""

    async def prepare(self) -> None:
        """Learns what it needs from the database; called before each call, and cheap."""

    def check(self) -> None:
        """Looks for damage, quickly. Raises `IndexDamaged`."""

    def collection(self, name: str) -> Collection:
        """Returns a collection by its name, which is made if there is none."""

    def find(self, name: str) -> Collection | None:
        """Returns a collection to read from; None where there is none, and so nothing in it."""

    def names(self) -> set[str]:
        """Returns the names of all collections of this installation."""

    def drop(self, name: str) -> None:
        """Removes a collection if it exists."""

    def clear(self) -> None:
        """Removes all collections of this installation, damaged or not."""

    def close(self) -> None:
        """Closes what is open; it is opened again when it is needed."""

    def is_gone(self, error: BaseException) -> bool:
        """Whether a collection failed because it is gone; another one may have its name by now."""

    def explain(self, error: BaseException) -> StorageError | None:
        """Returns what to say of an error of Chroma's; None for an error of ours."""
