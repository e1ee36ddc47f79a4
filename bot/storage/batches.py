"""Deletes and changes many rows a batch at a time, so that other writes come in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import ColumnElement, Connection, Table, delete, select, tuple_, update

from bot.storage.database import Database

MAX_BATCH_ROWS = 200
"""Most rows that are deleted or changed in one transaction."""


async def in_batches(
    database: Database, batch: Callable[[Connection], int], *, changes: Table | None = None
) -> int:
    """Run a batch, each time as a write of its own, until it finds no row; returns the number of
    rows. Raises `StorageError`."""
    total = 0
    while rows := await database.write(batch, changes=changes):
        total += rows
    return total


def delete_batch(connection: Connection, table: Table, where: ColumnElement[bool]) -> int:
    """Delete some of the rows that fit, with what belongs to them; returns how many."""
    return connection.execute(delete(table).where(_some(table, where))).rowcount


def update_batch(
    connection: Connection, table: Table, where: ColumnElement[bool], values: Mapping[str, object]
) -> int:
    """Change some of the rows that fit, so that they no longer do; returns how many."""
    change = update(table).where(_some(table, where)).values(values)
    return connection.execute(change).rowcount


def _some(table: Table, where: ColumnElement[bool]) -> ColumnElement[bool]:
    """Some of the rows that fit, by their keys."""
    key = [*table.primary_key]
    # A row that another process deletes just now is waited for, and another taken in its place:
    # else nothing might be found where there still is something.
    some = select(*key).where(where).limit(MAX_BATCH_ROWS).with_for_update()
    return (key[0] if len(key) == 1 else tuple_(*key)).in_(some)
