"""How Alembic runs here: on the connection that `bot.storage.migrations` hands over, or offline,
for the SQL of another database."""

from __future__ import annotations

import importlib
from collections.abc import MutableMapping
from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection

from bot.storage.engine import Base

importlib.import_module("bot.storage.personal_data")  # it knows each table


def full_text_tables(connection: Connection) -> tuple[str, ...]:
    """Virtual tables, which SQLAlchemy cannot describe."""
    if connection.dialect.name != "sqlite":
        return ()
    rows = connection.exec_driver_sql(
        "SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE%'"
    )
    return tuple(name for (name,) in rows)


def run(connection: Connection) -> None:
    virtual = full_text_tables(connection)

    def include_name(
        name: str | None,
        kind: Literal[
            "schema", "table", "column", "index", "unique_constraint", "foreign_key_constraint"
        ],
        parents: MutableMapping[Any, str | None],
    ) -> bool:
        # A virtual table keeps its content in shadow tables: name_data, name_idx, …
        return kind != "table" or not any(
            name == table or (name or "").startswith(f"{table}_") for table in virtual
        )

    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_name=include_name,
        render_as_batch=True,
        compare_type=True,
    )
    context.run_migrations()


def write_sql(dialect: str) -> None:
    context.configure(
        dialect_name=dialect, target_metadata=Base.metadata, dialect_opts={"paramstyle": "named"}
    )
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    write_sql(context.config.attributes["dialect"])
else:
    run(context.config.attributes["connection"])
