"""`/mydata`: a person gets what is kept of them, and nobody else does."""

from __future__ import annotations

import asyncio
import gzip
import json
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import update

from bot.errors import Busy, Refused
from bot.history.tables import turns
from bot.portability.personal_files import MAX_FILE_BYTES, WAIT_S, PersonalFiles
from bot.storage.address import DatabaseAddress
from bot.storage.database import Database
from bot.testing import Parlance, running_skills
from tests.fakes.kept import ADA, EVE, OF_ADA, keep_something


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Parlance]:
    async with running_skills(folder=tmp_path) as core:
        yield core


async def test_a_person_gets_their_words_and_no_one_elses(core: Parlance) -> None:
    await core.say("I like herons", user="ann")
    await core.say("I like owls", user="bob")
    await core.say("/remember I work in Lisbon", user="ann")
    await core.say("/connect", direct=True, user="ann")
    with structlog.testing.capture_logs() as logged:
        answer = await core.say("/mydata", direct=True, user="ann")
    (file,) = answer.files
    assert file.name.endswith(".jsonl")
    lines = [json.loads(line) for line in file.data.splitlines()]
    kinds = {line["kind"] for line in lines}
    assert {"parlance", "turn", "memory", "token", "end"} <= kinds
    assert b"herons" in file.data
    assert b"Lisbon" in file.data
    assert b"owls" not in file.data
    assert b"digest" not in b"".join(x for x in file.data.splitlines() if b'"token"' in x)
    assert "/forget" in answer.text
    (told,) = [entry for entry in logged if entry["event"] == "person.data_sent"]
    assert (told["person"], told["records"]) == ("test:ann", len(lines) - 2)
    assert "herons" not in str(told)


async def test_in_a_channel_nothing_is_sent(core: Parlance) -> None:
    answer = await core.say("/mydata", user="ann")
    assert (answer.state, answer.files) == ("refused", ())
    assert "direct message" in answer.text
    assert (await core.say("/mydata", direct=True, user="ann")).files


async def test_it_is_sent_once_an_hour(core: Parlance) -> None:
    assert (await core.say("/mydata", direct=True, user="ann")).files
    again = await core.say("/mydata", direct=True, user="ann")
    assert not again.files
    assert "once an hour; ask again in 60 minutes" in again.text
    assert (await core.say("/mydata", direct=True, user="bob")).files


@pytest.fixture
async def database(database_address: DatabaseAddress) -> AsyncIterator[Database]:
    opened = await Database.open(database_address)
    await opened.write(keep_something)
    yield opened
    await opened.close()


async def test_after_an_hour_it_is_sent_again_and_two_at_once_are_one(database: Database) -> None:
    now = datetime(2026, 1, 3, tzinfo=UTC)
    files = PersonalFiles(database, clock=lambda: now)
    both = await asyncio.gather(files.file(EVE), files.file(EVE), return_exceptions=True)
    assert sorted(type(one).__name__ for one in both) == ["Busy", "File"]
    now += timedelta(seconds=WAIT_S - 1)
    with pytest.raises(Busy):
        await files.file(EVE)
    now += timedelta(seconds=1)
    data = (await files.file(EVE)).data.decode()
    assert not any(word in data for word in (*OF_ADA, ADA))


async def test_another_process_has_sent_it_as_well(
    database_address: DatabaseAddress, database: Database
) -> None:
    second = await Database.open(database_address)
    both = [PersonalFiles(one).file(EVE) for one in (database, second)]
    came = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(one).__name__ for one in came) == ["Busy", "File"]
    await second.close()


@pytest.mark.parametrize("new_address", ["sqlite"], indirect=True)
async def test_a_secret_of_the_operators_is_not_in_it(database: Database) -> None:
    files = PersonalFiles(database, lambda text: text.replace("Eve asks", "[secret]"))
    data = (await files.file(EVE)).data
    assert b"Eve asks" not in data
    assert all(json.loads(line) for line in data.splitlines())


async def test_much_is_compressed_and_too_much_is_not_sent(database: Database) -> None:
    def grow(by: int) -> Any:
        growing = (
            update(turns).where(turns.c.id == "q-Eve-1").values(text=secrets.token_hex(by // 2))
        )
        return lambda connection: connection.execute(growing).rowcount

    await database.write(grow(1_500_000))
    file = await PersonalFiles(database).file(EVE)
    assert file.name.endswith(".jsonl.gz")
    assert len(file.data) < MAX_FILE_BYTES
    assert gzip.decompress(file.data).startswith(b'{"kind":"parlance"')
    await database.write(grow(2 * MAX_FILE_BYTES + 1_000_000))
    later = datetime.now(UTC) + timedelta(seconds=WAIT_S)
    files = PersonalFiles(database, clock=lambda: later)
    for _ in range(2):  # what was not sent is not counted
        with pytest.raises(Refused, match="ask whoever runs me"):
            await files.file(EVE)
