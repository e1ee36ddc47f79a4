"""Adds to counters in the rows of a table, many at once, in one statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Table

from bot.storage.insert import InsertInto, InsertStatement, Returning


class Counters:
    """The columns `sums` of a table, which are counted for each of its keys."""

    def __init__(self, table: Table, sums: Sequence[str]) -> None:
        self._key = [column.name for column in table.primary_key]
        self._sums = sums

        def build(insert_into: InsertInto) -> Returning:
            insert = insert_into(table)
            adding = insert.on_conflict_do_update(
                index_elements=self._key,
                set_={name: table.c[name] + insert.excluded[name] for name in sums},
            )
            return adding.returning(*table.c)

        self._add = InsertStatement(build)

    def add(self, connection: Connection, rows: Iterable[Mapping[str, Any]]) -> Sequence[Row[Any]]:
        """Add the sums of all rows to those that are stored, and return them as they are then. The
        rows are locked by their keys, so that two processes do not wait for each other."""
        added: dict[tuple[Any, ...], dict[str, Any]] = {}
        for row in rows:
            known = added.setdefault(
                tuple(row[name] for name in self._key), {**row, **dict.fromkeys(self._sums, 0)}
            )
            for name in self._sums:
                known[name] += row[name]
        found = connection.execute(self._add(connection), [added[key] for key in sorted(added)])
        return found.all()
