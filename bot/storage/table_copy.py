"""Copies the rows of tables from one database to another, in the order of their keys, and compares
them by a digest that both databases give alike.

Values are read and written as the drivers have them, without what a column's type makes of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Boolean, Connection, Float, LargeBinary, Table

Row = Sequence[Any]
MAX_BATCH_ROWS: Final = 2_000
MAX_BATCH_BYTES: Final = 8_000_000
"""Rows, and about how much text, that are written in one transaction."""
_READ_ROWS: Final = 500
"""Rows that are read at a time; of a table with documents it is one."""


@dataclass(frozen=True, slots=True)
class TableDigest:
    """How many rows a table has, and a SHA-256 of all that stands in them."""

    rows: int
    digest: str


def count_rows(connection: Connection, table: Table) -> int:
    """How many rows a table has."""
    return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def last_key(connection: Connection, table: Table) -> Row | None:
    """The greatest key of a table; None where it is empty."""
    keys = _names(connection, [*table.primary_key])
    descending = ", ".join(f"{key} DESC" for key in keys)
    of = f"SELECT {', '.join(keys)} FROM {_name(connection, table)} ORDER BY {descending} LIMIT 1"
    found = connection.execute(sa.text(of)).first()
    return None if found is None else tuple(found)


def rows_after(connection: Connection, table: Table, key: Row | None = None) -> Iterator[Row]:
    """The rows of a table in the order of their keys, those behind a key."""
    columns = ", ".join(_names(connection, [*table.columns]))
    keys = ", ".join(_names(connection, [*table.primary_key]))
    where, values = "", {}
    if key is not None:
        values = {f"k{n}": value for n, value in enumerate(key)}
        where = f" WHERE ({keys}) > ({', '.join(f':{name}' for name in values)})"
    query = f"SELECT {columns} FROM {_name(connection, table)}{where} ORDER BY {keys}"
    large = any(isinstance(column.type, LargeBinary) for column in table.columns)
    options = {"yield_per": 1 if large else _READ_ROWS}
    for row in connection.execute(sa.text(query), values, execution_options=options):
        yield tuple(row)


def batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Rows, as many at a time as are written together."""
    batch: list[Row] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += sum(len(value) for value in row if isinstance(value, str | bytes))
        if len(batch) >= MAX_BATCH_ROWS or size >= MAX_BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows as `rows_after` gives them."""
    columns = ", ".join(_names(connection, [*table.columns]))
    name = _name(connection, table)
    cursor: Any = connection.connection.cursor()
    try:
        if connection.dialect.name == "postgresql":
            booleans = _places(table, Boolean)
            with cursor.copy(f"COPY {name} ({columns}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(_with_booleans(row, booleans))
        else:
            marks = ", ".join("?" * len(table.columns))
            cursor.executemany(f"INSERT INTO {name} ({columns}) VALUES ({marks})", rows)
    finally:
        cursor.close()


def digest_of(
    connection: Connection, table: Table, on_rows: Callable[[int], object]
) -> TableDigest:
    """Count and digest a table; `on_rows` is told of each thousand rows."""
    digest, count, told = hashlib.sha256(), 0, 0
    booleans, floats = _places(table, Boolean), _places(table, Float)
    for row in rows_after(connection, table):
        for value in _with_floats(_with_booleans(row, booleans), floats):
            if value is None:
                digest.update(b"N")
                continue
            said = value if isinstance(value, bytes) else _as_text(value)
            digest.update(b"%d:" % len(said))
            digest.update(said)
        count += 1
        if count - told == 1_000:
            on_rows(count - told)
            told = count
    on_rows(count - told)
    return TableDigest(count, digest.hexdigest())


def last_number(connection: Connection, table: Table) -> int:
    """The number that a row of a table with numbered rows got last, also where it is gone; 0 where
    none has one yet or the table numbers none."""
    column = _numbered(table)
    if column is None:
        return 0
    if connection.dialect.name == "postgresql":
        sequence = _sequence(connection, table, column)
        if sequence is None:
            return 0
        row = connection.execute(sa.text(f"SELECT last_value, is_called FROM {sequence}")).one()
        return int(row.last_value) if row.is_called else 0
    if not table.dialect_options["sqlite"]["autoincrement"]:
        return connection.scalar(sa.select(sa.func.max(table.c[column]))) or 0
    of = sa.text("SELECT seq FROM sqlite_sequence WHERE name = :name")
    return connection.scalar(of, {"name": table.name}) or 0


def set_last_number(connection: Connection, table: Table, number: int) -> None:
    """Have the next row of a table with numbered rows get the number behind this one."""
    column = _numbered(table)
    if column is None or not number:
        return
    if connection.dialect.name == "postgresql":
        sequence = _sequence(connection, table, column)
        if sequence is not None:
            connection.execute(
                sa.text("SELECT setval(cast(:sequence AS regclass), :number)"),
                {"sequence": sequence, "number": number},
            )
    elif table.dialect_options["sqlite"]["autoincrement"]:
        values = {"name": table.name, "number": number}
        gone = sa.text("DELETE FROM sqlite_sequence WHERE name = :name")
        connection.execute(gone, {"name": table.name})
        said = "INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :number)"
        connection.execute(sa.text(said), values)


def _numbered(table: Table) -> str | None:
    column = table.autoincrement_column
    return None if column is None else column.name


def _sequence(connection: Connection, table: Table, column: str) -> str | None:
    found: str | None = connection.scalar(
        sa.text("SELECT pg_get_serial_sequence(:table, :column)"),
        {"table": _name(connection, table), "column": column},
    )
    return found


def _name(connection: Connection, table: Table) -> str:
    return connection.dialect.identifier_preparer.quote(table.name)


def _names(connection: Connection, columns: Sequence[sa.Column[Any]]) -> list[str]:
    return [connection.dialect.identifier_preparer.quote(column.name) for column in columns]


def _places(table: Table, kind: type[Any]) -> list[int]:
    """Where the columns of a type are."""
    return [n for n, column in enumerate(table.columns) if isinstance(column.type, kind)]


def _with_booleans(row: Row, places: Sequence[int]) -> Row:
    """SQLite has numbers for them."""
    if not places:
        return row
    values = list(row)
    for place in places:
        if values[place] is not None:
            values[place] = bool(values[place])
    return values


def _with_floats(row: Row, places: Sequence[int]) -> Row:
    if not places:
        return row
    values = list(row)
    for place in places:
        if values[place] is not None:
            values[place] = float(values[place])
    return values


def _as_text(value: Any) -> bytes:
    """A number, or a text as PostgreSQL can hold it."""
    return str(value).replace("\0", "\ufffd").encode()
