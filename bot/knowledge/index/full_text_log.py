"""Notes what full text beside the database has to take in; implements `FullTextWriter`.

Each change of the passages of a base raises its version, by a random step: a number that a file and
the database have in common is then the same state, even where the database was put back to an older
one and went on from there. Passages are added with higher numbers than all before them, so that
only the removed ones are listed. Where the list does not go back to what a file has, the file takes
in the whole base.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection

from bot.knowledge.index.full_text_entries import Entry
from bot.knowledge.index.rows import BaseRow
from bot.knowledge.index.tables import bases, changes

_MAX_STEP: Final = 2**32
"""Of a 63 bit number: there can be two thousand million changes."""
_MAX_KEPT_CHANGES: Final = 200
"""Changes that are kept of each base. A file that is further behind is written anew."""
_MAX_LISTED_PASSAGES: Final = 10_000
"""The most removed passages that are listed; with more, files are written anew."""


def make_table(connection: Connection, base: str) -> None:
    """Nothing: each process makes the table in its file."""


def drop_table(connection: Connection, base: str) -> None:
    """Forgets what changed; the base follows."""
    connection.execute(sa.delete(changes).where(changes.c.base == base))


def add_entries(connection: Connection, base: str, entries: Sequence[Entry]) -> None:
    """Tells that passages were added."""
    if entries:
        raise_version(connection, base)


def remove_entries(connection: Connection, base: str, numbers: Sequence[int]) -> None:
    """Lists passages as removed."""
    if len(numbers) > _MAX_LISTED_PASSAGES:
        drop_table(connection, base)
        raise_version(connection, base)
    elif numbers:
        raise_version(connection, base, numbers)


def rewrite(connection: Connection, base: BaseRow) -> None:
    """Has files written anew."""
    drop_table(connection, base.name)
    raise_version(connection, base.name)


def raise_version(connection: Connection, base: str, removed: Sequence[int] = ()) -> None:
    """Gives a base a higher version, and keeps what it removed. Until the transaction ends, no
    other process changes the base."""
    version = connection.scalar(
        sa.update(bases)
        .where(bases.c.name == base)
        .values(version=bases.c.version + 1 + secrets.randbelow(_MAX_STEP))
        .returning(bases.c.version)
    )
    if version is None:
        return  # the base was taken out
    values = {"base": base, "version": version, "removed": json.dumps([*removed])}
    connection.execute(sa.insert(changes), values)
    mine = changes.c.base == base
    newest = sa.select(changes.c.version).where(mine).order_by(changes.c.version.desc())
    last = newest.offset(_MAX_KEPT_CHANGES).limit(1).scalar_subquery()
    connection.execute(sa.delete(changes).where(mine, changes.c.version <= last))
