"""`/mydata`: a person gets what is kept of them, and nobody else does."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from bot.errors import Busy, Refused
from bot.portability.personal_files import MAX_FILE_BYTES, WAIT_S, PersonalFiles
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
async def path(tmp_path: Path) -> Path:
    database = await Database.open(tmp_path / "kept.db")
    await database.write(keep_something)
    await database.close()
    return tmp_path / "kept.db"


async def test_after_an_hour_it_is_sent_again_and_two_at_once_are_one(path: Path) -> None:
    now = 0.0
    files = PersonalFiles(path, clock=lambda: now)
    both = await asyncio.gather(files.file(EVE), files.file(EVE), return_exceptions=True)
    assert sorted(type(one).__name__ for one in both) == ["Busy", "File"]
    now += WAIT_S - 1
    with pytest.raises(Busy):
        await files.file(EVE)
    now += 1
    data = (await files.file(EVE)).data.decode()
    assert not any(word in data for word in (*OF_ADA, ADA))


async def test_a_secret_of_the_operators_is_not_in_it(path: Path) -> None:
    files = PersonalFiles(path, lambda text: text.replace("Eve asks", "[secret]"))
    data = (await files.file(EVE)).data
    assert b"Eve asks" not in data
    assert all(json.loads(line) for line in data.splitlines())


async def test_much_is_compressed_and_too_much_is_not_sent(path: Path) -> None:
    def grow(by: int) -> Any:
        text = f"(SELECT group_concat(hex(randomblob({by // 2})), '') FROM (SELECT 1))"
        return lambda connection: (
            connection.exec_driver_sql(f"UPDATE turns SET text = {text} WHERE id = 'q-Eve-1'")
            and None
        )

    database = await Database.open(path)
    await database.write(grow(1_500_000))
    file = await PersonalFiles(path).file(EVE)
    assert file.name.endswith(".jsonl.gz")
    assert len(file.data) < MAX_FILE_BYTES
    assert gzip.decompress(file.data).startswith(b'{"kind":"parlance"')
    await database.write(grow(3 * MAX_FILE_BYTES))
    files = PersonalFiles(path)
    for _ in range(2):  # what was not sent is not counted
        with pytest.raises(Refused, match="ask whoever runs me"):
            await files.file(EVE)
    await database.close()
