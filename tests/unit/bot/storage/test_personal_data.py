"""The list of what is kept of a person has every table, and what it says is true."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, LargeBinary, String, Table, inspect, text

from bot.history import tables
from bot.history.attachments import AttachmentSnapshot, StoredContextMessage, StoredFile
from bot.history.erasure import forget_person
from bot.history.mapping import SNAPSHOT
from bot.storage.address import DatabaseAddress
from bot.storage.database import Database
from bot.storage.engine import Base, sync_engine
from bot.storage.migrations import migrate
from bot.storage.personal_data import PERSONAL_DATA, Forgetting, PersonalData

EVE, ADA = "slack:eve", "slack:ada"
PERSON_COLUMNS = {"person", "author", "by", "added_by"}
"""Columns whose name says that a person's key stands there."""


@pytest.fixture
async def database(database_address: DatabaseAddress) -> AsyncIterator[Database]:
    database = await Database.open(database_address)
    yield database
    await database.close()


def test_every_table_is_in_the_list(tmp_path: Path) -> None:
    """A table that a migration makes, or that a module declares, must say what it holds."""
    path = tmp_path / "x.db"
    asyncio.run(migrate(path))
    engine = sync_engine(path)
    try:
        there = {*inspect(engine).get_table_names(), *Base.metadata.tables}
    finally:
        engine.dispose()
    known = {data.name for data in PERSONAL_DATA}
    assert there - {"alembic_version", "sqlite_sequence"} == known
    assert len(PERSONAL_DATA) == len(known)


def test_the_tables_of_the_list_are_there_whatever_else_is_imported() -> None:
    program = "from bot.storage.personal_data import *; print(*(d.table for d in PERSONAL_DATA))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[4],
    )  # fmt: skip
    assert done.stdout.split() == [data.name for data in PERSONAL_DATA]


@pytest.mark.parametrize("data", PERSONAL_DATA, ids=lambda data: data.name)
def test_what_is_said_of_a_table_fits_it(data: PersonalData) -> None:
    assert data.holds
    people = PERSON_COLUMNS & {column.name for column in data.table.columns}
    assert all(column in data.of for column in people), "its rows of a person are not found"
    assert (data.forgetting in {Forgetting.STAYS, Forgetting.DECIDED}) == bool(data.why)
    assert data.of or data.forgetting is Forgetting.STAYS
    assert not data.blank or data.blank in data.table.columns
    if data.at:
        assert isinstance(data.table.c[data.at].type, tables.Moment)
    elif any(isinstance(column.type, tables.Moment) for column in data.table.columns):
        # These hold until somebody changes them; the last goes with its turn.
        lasting = {"choices", "capabilities", "memories", "processes", "server_logins", "suspended"}
        assert data.name in lasting | {"tool_calls"}
    if data.forgetting is Forgetting.CASCADES:
        assert owners(data.table)


def owners(table: Table) -> set[str]:
    """The tables with which a row of this one is deleted."""
    return {key.column.table.name for key in table.foreign_keys if key.ondelete == "CASCADE"}


def test_a_column_that_names_a_row_of_another_table_is_a_key_of_it() -> None:
    named = {"turn": "turns", "answers": "turns", "document": "knowledge_documents"}
    exceptions = {
        ("replies", "turn"),  # a quick command's is not stored; `answer` is the key
        ("quoted", "turn"),  # belongs to the material of that turn
        ("knowledge_staged", "document"),  # is not stored before all of it is read
        ("knowledge_pending", "document"),  # may be one that was just removed
        ("knowledge_versions", "document"),  # its removal is told of, too; belongs to the base
    }
    for table in Base.metadata.tables.values():
        for name in named.keys() & {column.name for column in table.columns}:
            if (table.name, name) not in exceptions:
                assert named[name] in owners(table), (table.name, name)


def row(table: Table, **values: Any) -> dict[str, Any]:
    """A row with something in every column that must have it."""
    filled: dict[str, Any] = {}
    for column in table.columns:
        if column.nullable or column.autoincrement is True or column.name == "number":
            continue
        if isinstance(column.type, tables.Moment):
            filled[column.name] = datetime(2026, 1, 2, tzinfo=UTC)
        elif isinstance(column.type, String):
            filled[column.name] = ""
        else:
            filled[column.name] = b"" if isinstance(column.type, LargeBinary) else 1
    return {**filled, **values}


def plant(connection: Connection, person: str) -> None:
    """Something of a person in every table, and of their question in what hangs on it."""
    question, answer, other = f"q-{person}", f"a-{person}", f"other-{person}"
    mine, shared = f"@{person}", f"for all {person}"
    quote = StoredContextMessage("Eve", "said", by=person)
    kept = SNAPSHOT.dump_json(AttachmentSnapshot((StoredFile("a", "A", "x"),), (quote,))).decode()
    place = {"conversation": f"with {person}"}
    rows: list[tuple[str, dict[str, Any]]] = [
        ("turns", {"id": question, "author": person, "role": "user", **place}),
        ("turns", {"id": answer, "answers": question, **place}),
        ("turns", {"id": other, "author": ADA, "role": "user"}),
        ("replies", {"turn": answer, "answer": answer}),
        ("feedback", {"turn": answer, "person": ADA}),
        ("feedback", {"turn": other, "person": person}),
        ("duels", {"turn": answer}),
        ("duel_votes", {"duel": answer, "person": ADA}),
        ("duel_votes", {"duel": answer, "person": person}),
        ("materials", {"turn": question, "kept": "{}"}),
        ("materials", {"turn": other, "kept": kept}),
        ("quoted", {"turn": other, "person": person}),
        ("choices", {"name": person, "by": person}),
        ("suspended", {"turn": answer, "person": person}),
        ("prompts", {"turn": answer, "number": 0}),
        ("tool_calls", {"turn": answer, "step": 0, "number": 0}),
        ("memories", {"person": person, "number": 1}),
        ("memories", {"person": person, "name": "Eve", "number": 1, "place": "slack:w:c"}),
        ("summaries", {"id": sum(map(ord, person)), "covers": 2}),
        ("summarised", {"summary": sum(map(ord, person)), "turn": question}),
        ("summarised", {"summary": sum(map(ord, person)), "turn": answer}),
        ("access_tokens", {"digest": person, "person": person}),
        ("server_logins", {"server": "git", "person": person}),
        ("console_links", {"digest": person, "person": person}),
        ("console_sessions", {"digest": person, "person": person}),
        ("sent_files", {"person": person}),
        ("shown_words", {"purpose": person, "person": person}),
        ("console_changes", {"person": person}),
        ("jobs", {"id": person, "person": person}),
        ("occurrences", {"job": person}),
        ("daily_use", {"who": person}),
        ("quotas", {"person": person}),
        ("turn_counts", {"kind": "person", "name": person}),
        ("processed_events", {"event_id": person}),
        ("received_events", {"person": person, "key": person}),
        ("capabilities", {"replica": person}),
        ("installation", {"name": person}),
        ("knowledge_bases", {"name": mine}),
        ("knowledge_bases", {"name": shared}),
        ("knowledge_sources", {"base": shared, "added_by": person}),
        ("knowledge_documents", {"id": shared, "base": shared, "added_by": person}),
        ("knowledge_documents", {"id": mine, "base": mine, "added_by": person}),
        ("knowledge_passages", {"id": mine, "base": mine, "document": mine}),
        ("knowledge_changes", {"base": mine}),
        ("knowledge_pending", {"base": mine, "document": mine}),
        ("knowledge_staged", {"document": mine}),
        ("knowledge_syncs", {"base": mine}),
        ("knowledge_versions", {"base": mine}),
    ]
    for name, values in rows:
        table = Base.metadata.tables[name]
        connection.execute(table.insert(), row(table, **values))


async def count(database: Database, data: PersonalData, person: str) -> int:
    async with database.read() as connection:
        query = text(f"SELECT count(*) FROM {data.name} WHERE {data.of}")
        return int((await connection.execute(query, {"person": person})).scalar() or 0)


async def test_after_forgetting_no_table_has_a_row_of_the_person(database: Database) -> None:
    """What has indexes beside the database goes with those; the tests of documents look there."""
    for person in (EVE, "slack:bob"):
        await database.write(partial(plant, person=person))
    found = [data for data in PERSONAL_DATA if data.of]
    for data in found:
        assert await count(database, data, EVE), f"{data.name}: nothing was planted"
    await forget_person(database, EVE)
    for data in found:
        if data.forgetting is not Forgetting.WITH_DOCUMENTS:
            assert await count(database, data, EVE) == 0, data.name
        assert await count(database, data, "slack:bob"), data.name
        if data.blank:
            async with database.read() as connection:
                query = text(f"SELECT count(*) FROM {data.name} WHERE {data.blank} = :person")
                assert (await connection.execute(query, {"person": EVE})).scalar() == 0, data.name


async def test_large_tables_are_searched_by_an_index(database: Database) -> None:
    large = {"turns", "replies", "feedback", "materials", "quoted", "processed_events"}
    for data in PERSONAL_DATA:
        conditions = [data.of, f"at < :before{f' AND {data.expired}' if data.expired else ''}"]
        for condition in conditions if data.name in large else ():
            if condition and (data.at or condition == data.of):
                query = f"SELECT 1 FROM {data.name} WHERE {condition}"
                plan = await database.write(partial(explain, query=query))
                slow = [one for one in plan if one.startswith("SCAN") or "Seq Scan" in one]
                assert not slow, (data.name, plan)


def explain(connection: Connection, query: str) -> list[str]:
    """The steps of a plan; at a server as if its tables were large."""
    if connection.dialect.name == "sqlite":
        plan = connection.execute(text(f"EXPLAIN QUERY PLAN {query}"), values_in(query))
        return [str(step[3]) for step in plan]
    connection.execute(text("SET LOCAL enable_seqscan = off"))
    values = values_in(query) | ({"person": "0"} if ":person" in query else {})
    return [str(step[0]) for step in connection.execute(text(f"EXPLAIN {query}"), values)]


def values_in(query: str) -> dict[str, object]:
    return {name: 0 for name in ("person", "before") if f":{name}" in query}
