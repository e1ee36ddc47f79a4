"""What differs between databases: how they are opened, written to, scrubbed and complained of."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Final, Protocol, TypeAlias

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import StorageError
from bot.storage.address import DatabaseAddress

OnNotice: TypeAlias = Callable[[str, str], Any]
"""Called in the event loop with the topic and the text of what another process told, and with two
empty strings where something may have been missed."""


MAX_TOLD_BYTES: Final = 7_000
"""Longest text that one process tells the others; PostgreSQL carries 8,000 bytes with the topic."""


class UnusableError(StorageError):
    """Nothing can be written just now, whatever it is: the server stayed away for too long, or this
    process may not write any more."""


class DatabaseEngine(Protocol):
    """One database, opened. The blocking methods are called in one thread alone, the writer's."""

    @property
    def address(self) -> DatabaseAddress:
        """Where the database is."""

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection that reads, and cannot write. It waits until one is free, and for a server
        that restarts."""

    def transaction(self) -> AbstractContextManager[Connection]:
        """A transaction on the connection that writes, committed at the end of the block; blocks.
        A connection that fails is opened again by the next call."""

    def identify(self, transaction: str) -> None:
        """Say which id the open transaction has, by which it can be looked up; where nobody says
        it, the database is asked."""

    def is_passing(self, exc: Exception) -> bool:
        """Whether the transaction that failed so may succeed if it is run again, and is certain not
        to have been committed."""

    def storage_error(self, exc: Exception) -> StorageError | None:
        """An error of the database as one sentence for an operator; None if it is none."""

    def tell(self, connection: Connection, topic: str, text: str) -> None:
        """Tell the other processes on this database something, once the transaction is
        committed."""

    async def listen(self, on_notice: OnNotice) -> None:
        """Take in what other processes tell, until cancelled."""

    async def size(self, connection: AsyncConnection) -> int:
        """How large the database is, in bytes."""

    def scrub(self) -> None:
        """Remove what deleted rows left behind; blocks. Not inside of a transaction."""

    def cut_log(self) -> bool:
        """After `scrub`: empty the log of what was written, where it is ours; blocks, for seconds
        where somebody reads. False if somebody still reads what it holds: to be called again."""

    def close_writer(self) -> None:
        """Close the connection that writes; blocks."""

    async def close_readers(self) -> None:
        """Close the connections that read."""
