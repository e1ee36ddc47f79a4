"""Writes what is kept as JSON lines: all of it, some parts, or what is kept of one person.

The first line says what the file is, the last how many are between. It is read from one snapshot,
a row at a time, so that neither memory nor a running bot is in the way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final, get_args

import sqlalchemy as sa
from sqlalchemy import Connection, LargeBinary, Table

from bot.errors import StorageError
from bot.history.attachments import AttachmentSnapshot
from bot.history.mapping import SNAPSHOT
from bot.portability.column_values import dump, name_in_line, written
from bot.storage.address import DatabaseAddress
from bot.storage.blocking import revision_at, snapshot
from bot.storage.engine import Base
from bot.storage.personal_data import PERSONAL_DATA, PersonalData
from bot.storage.records import RECORDS, Part, Record
from bot.storage.schema_version import newest_revision, revisions

FORMAT: Final = 1
"""The version of the format; a file of a later one is refused."""
BEGIN, END = "parlance", "end"
"""The kinds of the first and the last line."""
PARTS: Final[tuple[Part, ...]] = get_args(Part)
_READ_ROWS: Final = 50
"""Rows that are read at a time; of documents it is one."""


def recorded_tables() -> Iterator[tuple[PersonalData, Record]]:
    """The tables that a file has, each after those that its rows belong to."""
    known = {data.name: data for data in PERSONAL_DATA}
    for table in Base.metadata.sorted_tables:
        record = RECORDS.get(table.name)
        if isinstance(record, Record):
            yield known[table.name], record


def export(
    address: DatabaseAddress,
    write: Callable[[str], object],
    *,
    person: str | None = None,
    parts: Collection[Part] = (),
) -> Counter[str]:
    """Write the records of a database, of one person (`Author.key`) or of everybody,
    and return how many there were of each kind.

    Without `parts` all are written, and of one person also what no installation takes in. `write`
    gets the text in pieces. Raises `StorageError`.
    """
    _check(address)
    head: dict[str, Any] = {"kind": BEGIN, "format": FORMAT, "parts": list(parts or PARTS)}
    write(dump(head | {"person": person} if person is not None else head) + "\n")
    counts: Counter[str] = Counter()
    with snapshot(address) as connection:
        for data, record in recorded_tables():
            if record.part not in (parts or PARTS) and (parts or person is None):
                continue
            own = person is not None and not parts
            with closing(_lines(connection, data, record, person, every=own)) as lines:
                for line in lines:
                    for piece in line:
                        write(piece)
                    counts[record.kind] += 1
    write(dump({"kind": END, "records": counts.total()}) + "\n")
    return counts


def _check(address: DatabaseAddress) -> None:
    """Check that there is a database of this version. Raises `StorageError`."""
    if isinstance(address, Path) and not address.is_file():
        raise StorageError(f"There is no database {address} yet; there is nothing to export.")
    found = revision_at(address)
    if found == newest_revision():
        return
    if found is None:
        raise StorageError(f"The database {address} cannot be read; `parlance doctor` says more.")
    older = found in revisions()
    raise StorageError(
        f"The database {address} is of "
        + ("an older version of Parlance; start it once first." if older else "a newer version.")
    )


def _lines(
    connection: Connection, data: PersonalData, record: Record, person: str | None, *, every: bool
) -> Generator[Iterator[str], None, None]:
    """The lines of a table, each in pieces. Without `every` only what can be taken in again."""
    table = data.table
    names = record.columns.split()
    columns = [table.c[name] for name in names]
    query = sa.select(*columns, *_message_columns(table))
    if person is not None:
        theirs = sa.text(f"({record.of or data.of})").bindparams(person=person)
        query = query.where(theirs)
    if record.only and not every:
        query = query.where(sa.text(f"({record.only})"))
    order = record.order.split() or [column.name for column in table.primary_key]
    query = query.order_by(*(table.c[name] for name in order))
    large = any(isinstance(column.type, LargeBinary) for column in columns)
    options = query.execution_options(yield_per=1 if large else _READ_ROWS)
    with connection.execute(options) as rows:  # a server keeps a cursor open until it is closed
        for row in rows.mappings():
            yield _line(table, record, names, row, person)


def _message_columns(table: Table) -> list[Any]:
    """What is read beside the columns: whose message is quoted does not say what it is."""
    if table.name != "quoted":
        return []
    materials = Base.metadata.tables["materials"]
    found = sa.select(materials.c.kept).where(materials.c.turn == table.c.turn)
    return [found.scalar_subquery().label("message")]


def _line(
    table: Table, record: Record, names: list[str], row: Mapping[Any, Any], person: str | None
) -> Iterator[str]:
    """A row as a line, in pieces."""
    yield f'{{"kind":{dump(record.kind)}'
    for name in names:
        value = row[name]
        if person is not None:
            if name == "kept":
                value = _without_others(value, person)
            elif name == "by" and value != person:
                value = ""
            elif record.kind == "document" and name == "text" and row["base"] != f"@{person}":
                value = None  # who added it for others may no longer be one of its readers
        yield f",{dump(name_in_line(name))}:"
        yield from written(table.c[name], value)
    if "message" in row:
        yield f',"messages":{dump(_messages_of(row["message"], str(person)))}'
    yield "}\n"


def _without_others(kept: str, person: str) -> str:
    """What a question came with, without what others wrote around it."""
    material = SNAPSHOT.validate_json(kept)
    theirs = AttachmentSnapshot(
        material.files,
        tuple(quote for quote in material.quotes if quote.by == person),
        material.target if material.target and material.target.by == person else None,
    )
    return SNAPSHOT.dump_json(theirs).decode()


def _messages_of(kept: str | None, person: str) -> list[str]:
    """A person's messages that came with a question of somebody else."""
    if kept is None:
        return []
    material = SNAPSHOT.validate_json(kept)
    every = (*material.quotes, *([material.target] if material.target else ()))
    return [quote.text for quote in every if quote.by == person]
