"""Inserts that may meet a row that is there already (`ON CONFLICT`), in the database's own dialect,
and the numbers of rows.

SQLAlchemy has such inserts for each dialect alone, under one interface.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, Connection, Table
from sqlalchemy.dialects.sqlite import Insert

__all__ = ["Insert", "InsertInto", "InsertStatement", "Returning", "insert_into", "new_numbers"]

Returning = sa.sql.dml.ReturningInsert[Any]

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


def new_numbers(connection: Connection, column: Column[Any], count: int) -> Sequence[int]:
    """Numbers for new rows, each higher than those before: after the highest one that there is,
    or from the column's sequence where several processes write. A sequence gives none again."""
    if connection.dialect.name == "sqlite":
        highest = connection.scalar(sa.select(sa.func.max(column))) or 0
        return range(highest + 1, highest + 1 + count)
    sequence = sa.func.pg_get_serial_sequence(column.table.name, column.name)
    rows = sa.func.generate_series(1, count).table_valued("row")
    query = sa.select(sa.func.nextval(sequence)).select_from(rows)
    return sorted(connection.scalars(query))


class InsertStatement:
    """A statement that is often executed: `build` is called once for each dialect. Many rows are
    sent as one statement where it returns something, else each is one of its own."""

    def __init__(self, build: Callable[[InsertInto], Insert | Returning]) -> None:
        self.for_dialect = functools.cache(lambda dialect: build(_insert_of(dialect)))
        """The statement for a dialect by its name."""

    def __call__(self, connection: Connection) -> Insert | Returning:
        return self.for_dialect(connection.dialect.name)
