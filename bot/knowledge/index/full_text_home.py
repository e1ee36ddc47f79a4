"""Where full text is kept: in the database, or in a file of each process beside it.

SQLite keeps it itself, in the transaction that writes the passages. With any other database each
process has a file of SQLite of its own, which it brings up to date from the database before it
searches: so the ranking is the same everywhere.
"""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.knowledge.index.full_text_entries import Entry
from bot.knowledge.index.rows import BaseRow
from bot.storage.database import Database

T = TypeVar("T")
FILE_NAME = "full-text.db"
"""The file beside the database, in the data directory."""


class FullTextWriter(Protocol):
    """Writes with the passages, in the transaction of the caller."""

    def make_table(self, connection: Connection, base: str) -> None:
        """A base is there, or was there already."""

    def drop_table(self, connection: Connection, base: str) -> None:
        """A base is taken out."""

    def add_entries(self, connection: Connection, base: str, entries: Sequence[Entry]) -> None:
        """Passages were added to the live generation of a base."""

    def remove_entries(self, connection: Connection, base: str, numbers: Sequence[int]) -> None:
        """Passages of a base are removed."""

    def rewrite(self, connection: Connection, base: BaseRow) -> None:
        """A base has another live generation."""


class FullText(Protocol):
    """Searches the words of passages, in this process."""

    async def ask(
        self,
        bases: Collection[BaseRow],
        question: Callable[[AsyncConnection], Awaitable[T]],
        *,
        again: bool = False,
    ) -> T:
        """Puts a question to a connection that has the tables of these bases, as new as these rows
        are; `again`, as new as the database is. The question may be put twice. Raises
        `StorageError`."""

    async def start(self) -> None:
        """Before anything is served: nothing is kept of what was forgotten meanwhile. Raises
        `StorageError`."""

    async def bring_up_to_date(self) -> None:
        """Takes in all that the database has, and lets go of what it has no more. Raises
        `StorageError`."""

    async def follow(self) -> None:
        """Brings it up to date whenever another process changed something; runs until
        cancelled."""

    async def repair(self) -> tuple[int, int]:
        """Makes it hold exactly the passages of each base; returns how many came and went. Raises
        `StorageError`."""

    async def aclose(self) -> None:
        """Lets go of its files. Safe to call twice."""


def writer_of(connection: Connection) -> FullTextWriter:
    """What writes full text, or notes what it must take in, in the database of a connection."""
    if connection.dialect.name == "sqlite":
        return cast(FullTextWriter, _module("full_text_inside"))
    return cast(FullTextWriter, _module("full_text_log"))


def full_text_of(database: Database, data_dir: Path) -> FullText:
    """The full text of a database; the file beside it, where there is one, is in `data_dir`."""
    path = data_dir / FILE_NAME
    if isinstance(database.address, Path):
        inside: FullText = _module("full_text_inside").FullTextInside(database, path)
        return inside
    beside: FullText = _module("full_text_beside").FullTextBeside(database, path)
    return beside


def _module(name: str) -> Any:
    """The one that the database needs; the other is not imported."""
    return importlib.import_module(f"bot.knowledge.index.{name}")
