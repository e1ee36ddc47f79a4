"""Inserts that may meet a row that is there already (`ON CONFLICT`), in the database's own dialect.

SQLAlchemy has them for each dialect alone, under one interface.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable

from sqlalchemy import Connection, Table
from sqlalchemy.dialects.sqlite import Insert

__all__ = ["Insert", "InsertInto", "InsertStatement", "insert_into"]

InsertInto = Callable[[Table], Insert]
"""Begins an insert into a table, which may go on with `on_conflict_do_nothing` and the like."""

DIALECTS = ("sqlite", "postgresql")


@functools.cache
def _insert_of(dialect: str) -> InsertInto:
    """The dialect's own; each takes time to import, and one is used."""
    found: InsertInto = importlib.import_module(f"sqlalchemy.dialects.{dialect}").insert
    return found


def insert_into(connection: Connection, table: Table) -> Insert:
    """An insert for the dialect of this connection."""
    return _insert_of(connection.dialect.name)(table)


class InsertStatement:
    """A statement that is often executed: `build` is called once for each dialect."""

    def __init__(self, build: Callable[[InsertInto], Insert]) -> None:
        self.for_dialect = functools.cache(lambda dialect: build(_insert_of(dialect)))
        """The statement for a dialect by its name."""

    def __call__(self, connection: Connection) -> Insert:
        return self.for_dialect(connection.dialect.name)
