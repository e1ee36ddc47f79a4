"""What the migrations do to a database that is in use, and that no dialect is left out."""

from __future__ import annotations

import asyncio
import importlib
import io
import re
import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy import Connection, inspect, text
from sqlalchemy.dialects import registry
from sqlalchemy.schema import CreateTable

from bot.errors import StorageError
from bot.knowledge.index.full_text import table_name
from bot.storage.address import DatabaseAddress
from bot.storage.database import Database
from bot.storage.engine import Base, sync_engine
from bot.storage.migrations import alembic_config, migrate
from bot.storage.postgresql import schema
from bot.storage.postgresql.connections import schema_engine
from bot.storage.postgresql.schema import sort_by_character
from bot.storage.schema_version import migrations_folder, revisions
from tests.fakes.postgresql import PostgresqlServer
from tests.schema import dump

for tables in ("bot.history.tables", "bot.knowledge.index.tables"):
    importlib.import_module(tables)

OURS = {
    "turns": ["1,q1,None", "2,a1,q1", "3,q2,None", "4,a2,q2"],
    "replies": ["a1,a1", "quick,None"],
    "feedback": ["a1,slack:ada"],
    "materials": ["q1"],
    "quoted": ["slack:eve,q1"],
    "knowledge_documents": ["d1"],
    "knowledge_passages": ["1,d1"],
    "knowledge_pending": ["docs,d1"],
}
"""What is left of each table, as the columns below: everything that has an owner."""
COLUMNS = {
    "turns": "seq, id, answers",
    "replies": "turn, answer",
    "feedback": "turn, person",
    "materials": "turn",
    "quoted": "person, turn",
    "knowledge_documents": "id",
    "knowledge_passages": "number, document",
    "knowledge_pending": "base, document",
}


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """The migrations before the one that names owners."""
    folder = tmp_path / "scripts"
    shutil.copytree(migrations_folder(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (folder / "versions").glob("[0-9]*_*.py"):
        if path.name > "0005":
            path.unlink()
    return folder


def fill(path: Path) -> None:
    """Rows as 0004 has them, and beside them some whose owner is gone."""
    turn = "VALUES (?, ?, 'slack', 'slack:T1:C1', ?, 'said', 'slack:ada', 'Ada', 5, '', '{}', ?, ?,"
    turn = f"INSERT INTO turns {turn} 1, 0, '', 'complete', NULL, NULL)"
    document = "VALUES (?, ?, 's', ?, 't', 'd', 1, 1, 1, 1, x'', '', 0)"
    document = f"INSERT INTO knowledge_documents {document}"
    passage = "INSERT INTO knowledge_passages VALUES (?, ?, 'docs', 1, ?, 0, '', 'text', x'')"
    with closing(sqlite3.connect(path)) as file, file:
        for seq, ident, role, event, answers in (
            (1, "q1", "user", "E1", None),
            (2, "a1", "assistant", "", "q1"),
            (3, "q2", "user", "E2", None),
            (4, "a2", "assistant", "", "q2"),
            (5, "lost", "assistant", "", "gone"),
        ):
            file.execute(turn, (seq, ident, role, event, answers))
        for ident in ("a1", "quick"):
            file.execute(
                "INSERT INTO replies VALUES (?, 'slack', 'slack:T1:C1', '{}', 1, 0)", (ident,)
            )
        for ident in ("a1", "gone", "lost"):
            file.execute("INSERT INTO feedback VALUES (?, 'slack:ada', '', 'good', 0)", (ident,))
        for ident in ("q1", "gone"):
            file.execute("INSERT INTO materials VALUES (?, '{}')", (ident,))
            file.execute("INSERT INTO quoted VALUES ('slack:eve', ?)", (ident,))
        file.execute("INSERT INTO quoted VALUES ('slack:eve', 'q2')")
        file.execute("INSERT INTO knowledge_bases VALUES ('docs', 'e', 4, 1, 0)")
        fts = table_name("docs")
        file.execute(f"CREATE VIRTUAL TABLE {fts} USING fts5(title, heading, body)")
        for ident, base in (("d1", "docs"), ("lost", "gone")):
            file.execute(document, (ident, base, ident))
            file.execute("INSERT INTO knowledge_pending VALUES (?, 1, ?)", (base, ident))
        for number, of in ((1, "d1"), (2, "gone")):
            file.execute(passage, (number, f"p{number}", of))
            file.execute(f"INSERT INTO {fts} (rowid, body) VALUES (?, 'text')", (number,))


def rows(path: Path) -> dict[str, list[str]]:
    with closing(sqlite3.connect(path)) as file:
        return {
            table: [
                ",".join(map(str, row)) for row in file.execute(f"SELECT {columns} FROM {table}")
            ]
            for table, columns in COLUMNS.items()
        }


def test_rows_find_their_owners_and_those_without_one_go(tmp_path: Path, scripts: Path) -> None:
    path = tmp_path / "parlance.db"
    asyncio.run(migrate(path, scripts))
    fill(path)
    assert asyncio.run(migrate(path))[0] == "0005"
    assert {table: sorted(found) for table, found in rows(path).items()} == OURS
    with closing(sqlite3.connect(path)) as file:
        full_text = file.execute(f"SELECT rowid FROM {table_name('docs')}").fetchall()
        assert full_text == [(1,)]
        assert file.execute("PRAGMA foreign_key_check").fetchall() == []
        file.execute("PRAGMA foreign_keys = ON")
        file.execute("DELETE FROM turns WHERE id = 'q1'")
        file.execute("DELETE FROM knowledge_bases")
        file.commit()
    assert [*filter(None, rows(path).values())] == [["3,q2,None", "4,a2,q2"], ["quick,None"]]


def test_a_migration_that_leaves_a_row_without_its_owner_changes_nothing(tmp_path: Path) -> None:
    path, folder = tmp_path / "parlance.db", tmp_path / "later"
    asyncio.run(migrate(path))
    shutil.copytree(migrations_folder(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "9999.py").write_text(
        f"revision, down_revision = '9999', {revisions()[-1]!r}\n"
        "from alembic import op\n"
        "def upgrade(): op.execute(\"INSERT INTO materials VALUES ('gone', '{}')\")\n"
    )
    with pytest.raises(StorageError, match="belong to nothing"):
        asyncio.run(migrate(path, folder))
    assert rows(path)["materials"] == []


def test_sqlite_gets_each_table_with_its_columns_owners_and_options(tmp_path: Path) -> None:
    path = tmp_path / "parlance.db"
    asyncio.run(migrate(path))
    with closing(sqlite3.connect(path)) as file:
        made = dict(file.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
    for table in Base.metadata.tables.values():
        wanted = str(CreateTable(table).compile(dialect=registry.load("sqlite")()))
        _, *lines = parts(made[table.name].strip())
        _, *others = parts(wanted.strip())
        assert sorted(lines) == sorted(others), table.name


async def test_a_new_database_is_what_the_migrations_make(tmp_path: Path) -> None:
    """Where it is not: `make schema`."""
    new, migrated = tmp_path / "new.db", tmp_path / "migrated.db"
    await (await Database.open(new)).close()
    await migrate(migrated)
    assert sorted(dump(new).split(";\n")) == sorted(dump(migrated).split(";\n"))


def test_the_newest_migration_goes_down_and_up_again(database_address: DatabaseAddress) -> None:
    if isinstance(database_address, Path):
        asyncio.run(migrate(database_address))
        engine = sync_engine(database_address)
    else:
        engine = schema_engine(database_address)
    with engine.begin() as connection:
        before = columns(connection)
        command.downgrade(alembic_config(connection), revisions()[-2])
        assert columns(connection) != before
        command.upgrade(alembic_config(connection), "head")
        if connection.dialect.name == "postgresql":
            sort_by_character(connection)
        assert columns(connection) == before
    engine.dispose()


def columns(connection: sa.Connection) -> list[object]:
    """What a database has of each table."""
    found = sa.inspect(connection)
    return [
        (table, part)
        for table in sorted(found.get_table_names())
        for part in (
            *sorted(str((one["name"], one["type"])) for one in found.get_columns(table)),
            *sorted(str((one["name"], one["column_names"])) for one in found.get_indexes(table)),
        )
    ]


@pytest.fixture(scope="module")
def postgresql_script() -> str:
    """All migrations as the SQL of PostgreSQL, rendered without a connection."""
    config = alembic_config()
    config.attributes["dialect"] = "postgresql"
    config.output_buffer = io.StringIO()
    command.upgrade(config, "head", sql=True)
    return config.output_buffer.getvalue()


def test_postgresql_gets_each_table_with_its_columns_and_owners(postgresql_script: str) -> None:
    for table in Base.metadata.tables.values():
        wanted = str(CreateTable(table).compile(dialect=registry.load("postgresql")()))
        made = re.search(rf"CREATE TABLE {table.name} \((.+?)\n\);", postgresql_script, re.DOTALL)
        assert made is not None, table.name
        lines = {*parts(made[1]), *added(postgresql_script, table.name)}
        assert lines == {*parts(wanted.partition("(")[2].rpartition("\n)")[0])}, table.name


def test_postgresql_gets_every_index(postgresql_script: str) -> None:
    for table in Base.metadata.tables.values():
        for index in table.indexes:
            assert f"INDEX {index.name} ON {table.name} " in postgresql_script


def test_postgresql_is_told_nothing_that_sqlite_alone_knows(postgresql_script: str) -> None:
    for word in ("fts5", "VIRTUAL", "WITHOUT ROWID", "AUTOINCREMENT", "PRAGMA", "sqlite"):
        assert word.casefold() not in postgresql_script.casefold()


def described(connection: Connection) -> list[tuple[object, ...]]:
    """The columns of all tables at a server, and the names of the indexes."""
    columns = text(
        "SELECT table_name, column_name, data_type, is_nullable, collation_name, column_default"
        " FROM information_schema.columns WHERE table_schema = current_schema()"
    )
    indexes = text("SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()")
    return sorted(
        tuple(map(str, row)) for query in (columns, indexes) for row in connection.execute(query)
    )


def test_at_a_server_they_go_up_down_and_up_a_step_at_a_time(postgresql: PostgresqlServer) -> None:
    address = postgresql.create_empty()
    schema.prepare_schema(address)
    with schema.connect(address) as connection, connection.begin():
        at_once = described(connection)
        command.check(alembic_config(connection))
        command.downgrade(alembic_config(connection), "base")
        assert set(inspect(connection).get_table_names()) == {"alembic_version"}
    for revision in revisions():
        with schema.connect(address) as connection, connection.begin():
            schema.upgrade(connection, revision)
    with schema.connect(address) as connection:
        assert described(connection) == at_once
    postgresql.drop(address)


def test_of_processes_that_start_at_once_one_makes_the_tables(
    postgresql: PostgresqlServer,
) -> None:
    address = postgresql.create_empty()
    with ThreadPoolExecutor(4) as threads:
        for made in [threads.submit(schema.prepare_schema, address) for _ in range(4)]:
            made.result(30)
    with schema.connect(address) as connection:
        assert schema.stored_revision(connection) == revisions()[-1]
    postgresql.drop(address)


@pytest.mark.parametrize(("first", "works"), [(revisions()[-1], True), ("9999", False)])
def test_on_newer_tables_it_works_as_long_as_these_say_so(
    postgresql: PostgresqlServer, first: str, works: bool
) -> None:
    address = postgresql.create()
    for statement in (
        "UPDATE alembic_version SET version_num = '9999'",
        "CREATE TABLE IF NOT EXISTS first_revision (revision varchar)",
        "DELETE FROM first_revision",
        f"INSERT INTO first_revision VALUES ('{first}')",
    ):
        postgresql.execute(statement, str(address.url.database))
    if works:
        schema.prepare_schema(address)
    else:
        with pytest.raises(StorageError, match=r"newer version .* update Parlance"):
            schema.prepare_schema(address)
    with schema.connect(address) as connection:
        assert schema.stored_revision(connection) == "9999"
    postgresql.drop(address)


def parts(definition: str) -> Iterator[str]:
    """The columns and constraints of a table's definition. SQLite writes a column that was added
    later behind the one before it."""
    for line in re.split(r"\n|, (?=\w+ [A-Z]+\b)", definition):
        if part := line.strip().removesuffix(","):
            yield part


def added(script: str, table: str) -> Iterator[str]:
    """The columns and constraints that a table gets later."""
    for kind, part in re.findall(rf"ALTER TABLE {table} ADD (COLUMN )?(.+?);", script):
        yield part.replace("COLUMN ", "") if kind else part
