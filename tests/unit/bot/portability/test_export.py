"""What is exported: everything of a person and nothing of others; and all of it, to be taken in."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.errors import StorageError
from bot.history.sql_store import SqlHistoryStore
from bot.portability.export import export, recorded_tables
from bot.portability.insertion import Imported, import_file
from bot.sign_in.places import console_place
from bot.storage.address import DatabaseAddress
from bot.storage.blocking import write_once
from bot.storage.database import Database
from bot.types import ConversationKey
from tests.fakes.kept import ADA, CHANNEL, EVE, OF_ADA, SECRETS, keep_something

NewAddress = Callable[[str], DatabaseAddress]


@pytest.fixture
async def here(new_address: NewAddress) -> DatabaseAddress:
    """A database with something in every table."""
    database = await Database.open(await asyncio.to_thread(new_address, "here"))
    await database.write(keep_something)
    await database.close()
    return database.address


@pytest.fixture
def there(new_address: NewAddress) -> DatabaseAddress:
    return new_address("there")


async def written(address: DatabaseAddress, **options: Any) -> str:
    pieces: list[str] = []
    await asyncio.to_thread(export, address, pieces.append, **options)
    return "".join(pieces)


async def taken_in(address: DatabaseAddress, folder: Path, text: str) -> Imported:
    file = folder / "file.jsonl"
    await asyncio.to_thread(file.write_text, text, "utf-8")
    database = await Database.open(address)
    try:
        return await import_file(database, file, {"default"})
    finally:
        await database.close()


def lines(text: str, kind: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in text.splitlines()]
    return [line for line in found if line["kind"] == kind]


async def test_a_person_gets_every_kind_and_not_a_word_of_others(here: DatabaseAddress) -> None:
    text = await written(here, person=EVE)
    kinds = {json.loads(line)["kind"] for line in text.splitlines()}
    assert kinds == {"parlance", "end", *(record.kind for _, record in recorded_tables())}
    for word in (*SECRETS, *OF_ADA, ADA, "both in short", "Everybody documents"):
        assert word not in text, word
    said = ("Eve asks 1 ✓", "Eve is told 1", "Eve said before", "file of discord:1", "Eve in short")
    for word in (*said, "Eve remembers", "Eve shares", "Eve documents", "Eve is told 2"):
        assert word in text, word
    (quoted, _) = sorted(lines(text, "quoted"), key=lambda line: str(line["turn"]))
    assert quoted == {"kind": "quoted", "turn": "q-Ada-1", "messages": ["Eve said before"]}
    assert lines(text, "waiting")[0]["turn"] == "a-Eve-2"
    assert {call["state"] for call in lines(text, "call")} == {"done", "waiting"}


async def test_what_comes_back_where_it_was_exported_adds_nothing(
    here: DatabaseAddress, tmp_path: Path
) -> None:
    """The file tells times to the microsecond, and the database holds them more exactly."""
    later = sa.text("UPDATE knowledge_versions SET at = at + 0.0000004")
    await asyncio.to_thread(write_once, here, lambda connection: connection.execute(later))
    again = await taken_in(here, tmp_path, await written(here))
    assert again.added.total() == 0, again.added


async def test_what_was_exported_is_the_same_after_it_was_taken_in(
    here: DatabaseAddress, there: DatabaseAddress, tmp_path: Path
) -> None:
    text = await written(here)
    for word in SECRETS:
        assert word not in text
    done = await taken_in(there, tmp_path, text)
    assert done.left_out.total() == 0
    assert done.added["turn"] == 6
    assert done.unread == {f"@{EVE}", f"@{ADA}", "default"}
    assert await written(there) == text
    again = await taken_in(there, tmp_path, text)
    assert again.added.total() == 0
    assert again.present == done.added
    assert await written(there) == text
    counted = "SELECT sum(turns), sum(read), sum(failed) FROM turn_counts WHERE kind = 'model'"
    for address in (here, there):
        database = await Database.open(address)
        if address == there:
            async with database.read() as connection:  # and counted once
                row = (await connection.exec_driver_sql(counted)).one()
                assert tuple(row) == (2, 6, 0)
        history = SqlHistoryStore(database)
        recent = [turn.text for turn in await history.recent(CHANNEL)]
        assert recent[:2] == ["Eve asks 1 ✓", "Eve is told 1"]
        material = await history.material("q-Ada-1")
        assert material is not None
        assert material.people == {EVE, ADA}
        await history.forget(person=EVE)  # whose messages are quoted is known there, too
        left = await history.material("q-Ada-1")
        assert left is not None
        assert left.people == {ADA}
        await database.close()


async def test_a_person_is_taken_in_by_themselves(
    here: DatabaseAddress, there: DatabaseAddress, tmp_path: Path
) -> None:
    text = await written(here, person=EVE)
    done = await taken_in(there, tmp_path, text)
    theirs = await written(there)
    assert done.added["turn"] == 3  # the answer that waits is left where it waits
    assert [line["name"] for line in lines(theirs, "choice")] == ["persona"]
    assert [line["text"] for line in lines(theirs, "memory")] == ["Eve remembers"]
    assert [line["base"] for line in lines(theirs, "document")] == [f"@{EVE}"]
    assert (await taken_in(there, tmp_path, text)).added.total() == 0


async def test_what_a_person_said_in_the_console_is_taken_in_with_the_rest(
    here: DatabaseAddress, there: DatabaseAddress, tmp_path: Path
) -> None:
    """It was refused: the console is a platform, and nobody is of it."""
    console = str(console_place(ConversationKey.parse("discord:@dm:7"), "0" * 12))
    other = str(console_place(ConversationKey.parse("slack:T1:D7"), "0" * 12))
    text = await written(here, person=EVE)
    done = await taken_in(there, tmp_path, text.replace(f'"{CHANNEL}"', f'"{console}"'))
    assert done.added["turn"] == 3
    with pytest.raises(StorageError, match="on another platform"):
        await taken_in(there, tmp_path, text.replace(f'"{CHANNEL}"', f'"{other}"'))


@pytest.mark.parametrize(
    ("part", "kinds"),
    [
        ("conversations", {"turn", "material", "feedback", "call", "duel", "duel vote"}),
        ("settings", {"choice", "memory", "job"}),
        ("documents", {"source", "document", "version"}),
    ],
)
async def test_parts_are_exported_by_themselves(
    here: DatabaseAddress, there: DatabaseAddress, tmp_path: Path, part: Any, kinds: set[str]
) -> None:
    text = await written(here, parts=[part])
    assert {json.loads(line)["kind"] for line in text.splitlines()} == {"parlance", "end", *kinds}
    assert (await taken_in(there, tmp_path, text)).left_out.total() == 0
    assert await written(there, parts=[part]) == text


async def test_what_is_here_stays_as_it_is(
    here: DatabaseAddress, there: DatabaseAddress, tmp_path: Path
) -> None:
    text = await written(here)
    await taken_in(there, tmp_path, text)
    changed = text.replace("Eve asks 1 ✓", "Eve never asked").replace("Eve remembers", "Eve knows")
    done = await taken_in(there, tmp_path, changed)
    assert done.added == {"memory": 1}
    left = await written(there)
    assert "Eve never asked" not in left
    own = [line for line in lines(left, "memory") if line["person"] == EVE and not line["place"]]
    assert {line["text"]: line["number"] for line in own} == {"Eve remembers": 1, "Eve knows": 2}


async def test_a_database_that_is_not_there_or_of_another_version_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="nothing to export"):
        await written(tmp_path / "none.db")
    for revision, said in (("0001", "start it once first"), ("9999", "of a newer version")):
        other = tmp_path / f"{revision}.db"
        with closing(sqlite3.connect(other)) as database, database:
            database.execute("CREATE TABLE alembic_version (version_num)")
            database.execute("INSERT INTO alembic_version VALUES (?)", (revision,))
        with pytest.raises(StorageError, match=said):
            await written(other)
    await asyncio.to_thread((tmp_path / "bad.db").write_text, "no database")
    with pytest.raises(StorageError, match="cannot be read"):
        await written(tmp_path / "bad.db")
