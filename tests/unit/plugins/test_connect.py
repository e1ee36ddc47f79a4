"""`/connect`: a token is shown once, in a direct message, and can be taken back."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.testing import Parlance, running_skills

TOKEN = re.compile(r"parlance_[\w-]{40,}")


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Parlance]:
    async with running_skills(folder=tmp_path) as core:
        yield core


def token_in(text: str) -> str:
    found = TOKEN.search(text)
    assert found is not None, text
    return found.group()


async def test_a_token_is_shown_once_and_only_its_digest_is_kept(
    core: Parlance, tmp_path: Path
) -> None:
    token = token_in((await core.say("/connect", direct=True)).text)
    again = await core.say("/connect", direct=True)
    assert token not in again.text
    assert not TOKEN.search(again.text)
    with closing(sqlite3.connect(tmp_path / "parlance.db")) as database:
        kept = "\n".join(database.iterdump())
    assert "access_tokens" in kept
    assert token not in kept
    assert token.removeprefix("parlance_") not in kept


async def test_elsewhere_a_sentence_is_said_and_nothing_is_made(core: Parlance) -> None:
    answer = await core.say("/connect new")
    assert answer.state == "refused"
    assert not TOKEN.search(answer.text)
    assert "direct message" in answer.text
    assert "Nothing is connected" in (await core.say("/connect list", direct=True)).text


async def test_they_are_listed_and_taken_back(core: Parlance) -> None:
    await core.say("/connect", direct=True)
    assert token_in((await core.say("/connect new", direct=True)).text)
    listed = (await core.say("/connect list", direct=True)).text
    names = re.findall(r"\*\*([0-9a-f]{8})\*\*", listed)
    assert len(names) == 2
    assert listed.count("never used") == 2
    assert "taken back" in (await core.say(f"/connect revoke {names[0]}", direct=True)).text
    assert names[0] not in (await core.say("/connect list", direct=True)).text
    await core.say("/connect revoke", direct=True)
    assert "Nothing is connected" in (await core.say("/connect list", direct=True)).text


async def test_nobody_but_an_admin_takes_back_those_of_others(core: Parlance) -> None:
    await core.say("/connect", direct=True, user="bob1")
    assert "no such token" in (await core.say("/connect revoke user:bob1", user="ann")).text
    assert "Token" in (await core.say("/connect list", direct=True, user="bob1")).text
    taken = await core.say("/connect revoke user:bob1", user="root", admin=True)
    assert taken.text == "One token is taken back."
    assert "Nothing" in (await core.say("/connect list", direct=True, user="bob1")).text


async def test_there_is_a_limit(core: Parlance) -> None:
    for _ in range(10):
        token_in((await core.say("/connect new", direct=True)).text)
    assert (await core.say("/connect new", direct=True)).state == "refused"


async def test_who_is_forgotten_has_none(core: Parlance) -> None:
    await core.say("/connect", direct=True)
    assert core.services.forget is not None
    await core.services.forget("test:ann")
    assert "Nothing is connected" in (await core.say("/connect list", direct=True)).text
