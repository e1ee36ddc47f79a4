"""Brings the tables of a PostgreSQL database to the present schema.

Processes of two versions may use one database while a new version is being rolled out. A migration
that versions before it cannot live with says so (`first_revision`); an older process that starts
then is refused.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from bot.errors import StorageError
from bot.storage.address import ServerAddress
from bot.storage.postgresql.connections import schema_engine
from bot.storage.postgresql.errors import storage_error
from bot.storage.schema_version import newest_revision
from bot.storage.unfinished_move import is_unfinished

_LOCK: Final = sa.text("SELECT pg_advisory_xact_lock(hashtextextended('parlance schema', 0))")
_HAS_TABLE: Final = sa.text("SELECT to_regclass(:name) IS NOT NULL")
_ENCODING: Final = sa.text("SHOW server_encoding")
_OTHER_ORDER: Final = sa.text(
    "SELECT table_name, column_name, data_type FROM information_schema.columns"
    " WHERE table_schema = current_schema() AND data_type IN ('character varying', 'text')"
    " AND collation_name IS DISTINCT FROM 'C' ORDER BY table_name, ordinal_position"
)
"""Texts that are sorted by the rules of a language, and not as SQLite sorts them."""


def prepare_schema(address: ServerAddress) -> None:
    """Create or migrate the tables where need be; blocks. One process at a time does so, the others
    wait. Raises `StorageError`: it cannot be reached, or a newer version has made it."""
    with connect(address) as connection:
        if is_unfinished(connection):
            raise StorageError(
                f"The database {address} has only a part of another one; run `parlance db move`"
                " again, which goes on where it was."
            )
        if _is_served(connection):
            return
    with connect(address) as connection, connection.begin():
        connection.execute(_LOCK)
        if not _is_served(connection):
            if (encoding := connection.scalar(_ENCODING)) != "UTF8":
                raise StorageError(
                    f"The database {address} holds text as {encoding}; create one with UTF8."
                )
            upgrade(connection)


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Run the migrations up to a revision, in the caller's transaction."""
    command = importlib.import_module("alembic.command")  # it takes memory and time
    migrations = importlib.import_module("bot.storage.migrations")
    command.upgrade(migrations.alembic_config(connection), revision)
    sort_by_character(connection)


def sort_by_character(connection: Connection) -> None:
    """Have all texts sorted and compared character by character, whatever the database's language
    is: lists come in the same order everywhere, and a beginning is found by an index."""
    for table, column, kind in connection.execute(_OTHER_ORDER).all():
        quote = connection.dialect.identifier_preparer.quote
        connection.exec_driver_sql(
            f'ALTER TABLE {quote(table)} ALTER COLUMN {quote(column)} TYPE {kind} COLLATE "C"'
        )


def stored_revision(connection: Connection) -> str | None:
    """The revision of the tables; None where there are none."""
    if not connection.scalar(_HAS_TABLE, {"name": "alembic_version"}):
        return None
    found: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return found


def _is_served(connection: Connection) -> bool:
    """Whether this version can work with the tables as they are; False where they are to be
    migrated first. Raises `StorageError` for those of a later version that it cannot work with."""
    present, ours = stored_revision(connection), newest_revision()
    if present is None or present < ours:
        return False
    if present == ours:
        return True
    first = connection.scalar(sa.text("SELECT revision FROM first_revision"))
    if first is not None and first > ours:
        raise StorageError(
            f"The database was changed by a newer version of Parlance (schema {present:.40}), which"
            " this one cannot work with; update Parlance."
        )
    return True


@contextmanager
def connect(address: ServerAddress) -> Iterator[Connection]:
    """A connection that may change tables. Raises `StorageError`."""
    engine = schema_engine(address)
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as exc:
        raise storage_error(address, exc) or exc from exc
    finally:
        engine.dispose()
