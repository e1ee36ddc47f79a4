"""Inserts that may meet a row that is there already (`ON CONFLICT`), in the database's own dialect.

SQLAlchemy has them for each dialect alone, under one interface.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, cast

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.sqlite import Insert

__all__ = ["Insert", "InsertInto", "InsertStatement", "insert_into"]

InsertInto = Callable[[Table], Insert]
"""Begins an insert into a table, which may go on with `on_conflict_do_nothing` and the like."""

INSERT_BY_DIALECT: Mapping[str, InsertInto] = {
    "sqlite": sqlite.insert,
    "postgresql": cast(Any, postgresql.insert),
}


def insert_into(connection: Connection, table: Table) -> Insert:
    """An insert for the dialect of this connection."""
    return INSERT_BY_DIALECT[connection.dialect.name](table)


class InsertStatement:
    """A statement that is often executed: `build` is called once for each dialect."""

    def __init__(self, build: Callable[[InsertInto], Insert]) -> None:
        self.for_dialect = functools.cache(lambda dialect: build(INSERT_BY_DIALECT[dialect]))
        """The statement for a dialect by its name."""

    def __call__(self, connection: Connection) -> Insert:
        return self.for_dialect(connection.dialect.name)
