"""A word that the operator is shown makes whoever writes it an admin, once and for ten minutes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from bot.settings.admin_word import LIFETIME_S, AdminWord
from bot.settings.shown_words import ShownWords
from bot.settings.tables import shown_words
from bot.sign_in.digest import digest_of
from bot.storage.address import DatabaseAddress, ServerAddress
from bot.storage.database import Database
from bot.turns.policy import Policy
from bot.types import Author
from tests.fakes.core import ADA, BOB, Bench
from tests.fakes.postgresql import PostgresqlServer
from tests.fakes.skills import CHAT
from tests.until import until

ON_A_FILE = pytest.mark.parametrize("new_address", ["sqlite"], indirect=True)
"""For what is the same on every database."""


class Clock:
    now = datetime(2026, 1, 2, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def go_on(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
async def database(database_address: DatabaseAddress) -> AsyncIterator[Database]:
    opened = await Database.open(database_address)
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def made(database: Database, clock: Clock) -> AdminWord:
    return AdminWord(ShownWords(database, clock))


@ON_A_FILE
async def test_it_can_be_read_aloud_and_is_another_each_time(made: AdminWord) -> None:
    words = {await made.offer() for _ in range(20)}
    assert len(words) == 20
    assert all(re.fullmatch(r"([bdfgklmnprstvz][aeiou]){7}", word) for word in words)


async def test_it_is_kept_as_a_digest_alone(made: AdminWord, database: Database) -> None:
    word = await made.offer()
    async with database.read() as connection:
        (row,) = (await connection.execute(select(shown_words))).all()
    assert word not in str(row)
    assert row.digest == digest_of(word)


@ON_A_FILE
@pytest.mark.parametrize("around", ["{}", " {} ", "`{}`", "**{}**", "“{}”.", "<b>{}", "{upper}"])
async def test_it_is_known_as_people_write_it(made: AdminWord, around: str) -> None:
    word = await made.offer()
    assert not await made.take(f"the word is {word}", BOB)
    assert not await made.take(word[:-1], BOB)
    written = around.format(word, upper=word.upper())
    assert await made.take(written, ADA) is ("<b>" not in around)


@ON_A_FILE
@pytest.mark.parametrize("text", ["", "***", "ä" * 30, "x" * 1_000_000, "badabadabadaba"])
async def test_nothing_else_is_taken_for_it(made: AdminWord, text: str) -> None:
    assert not await made.take(text, ADA)
    await made.offer()
    assert not await made.take(text, ADA)
    assert await made.is_open()


async def test_it_works_once_and_for_ten_minutes(made: AdminWord, clock: Clock) -> None:
    word = await made.offer()
    clock.go_on(LIFETIME_S - 1)
    assert await made.is_open()
    clock.go_on(2)
    assert not await made.is_open()
    assert not await made.take(word, ADA)
    word, earlier = await made.offer(), word
    assert not await made.take(earlier, ADA)
    assert await made.heard_from() is None
    assert await made.take(word, ADA)
    assert not await made.take(word, BOB)
    assert await made.heard_from() == ADA.key
    assert made.has_made(ADA)
    assert not made.has_made(BOB)
    word = await made.offer()
    assert await made.heard_from() is None
    assert made.has_made(ADA)
    await made.withdraw()
    assert not await made.is_open()
    assert not await made.take(word, BOB)


@pytest.fixture
def address(postgresql: PostgresqlServer) -> ServerAddress:
    return postgresql.create()


async def test_another_process_hears_it_and_both_know_their_admin(address: ServerAddress) -> None:
    databases = [await Database.open(address) for _ in range(2)]
    here, there = (AdminWord(ShownWords(one)) for one in databases)
    word = await here.offer()
    came = await asyncio.gather(here.take(word, ADA), there.take(word, ADA))
    assert sorted(came) == [False, True]
    assert await here.heard_from() == ADA.key
    await until(lambda: here.has_made(ADA) and there.has_made(ADA))
    for database in databases:
        await database.close()


@ON_A_FILE
class TestCore:
    @pytest.fixture
    def word(self, made: AdminWord) -> AdminWord:
        return made

    @pytest.fixture
    def bench(self, word: AdminWord) -> Bench:
        def is_admin(author: Author) -> bool:
            return word.has_made(author)

        return Bench([CHAT], policy=Policy(is_admin=is_admin, admin_word=word))

    async def test_who_writes_it_is_an_admin_and_told_alone(
        self, bench: Bench, word: AdminWord
    ) -> None:
        sink = await bench.begin(bench.message(await word.offer()))
        view = await sink.end()
        (notice,) = view.notices
        assert notice.private
        assert notice.text.startswith("Thank you: you are an admin now.")
        assert await word.heard_from() == ADA.key
        assert not bench.backend.requests

    async def test_the_same_message_delivered_again_is_no_question(
        self, bench: Bench, word: AdminWord
    ) -> None:
        message = bench.message(await word.offer(), id="e-word")
        await bench.say(message)
        again = await bench.begin(message)
        await bench.core.close()
        assert not bench.backend.requests
        assert "finish" not in again.steps or not again.view.text

    async def test_a_second_person_comes_too_late(self, bench: Bench, word: AdminWord) -> None:
        said = await word.offer()
        await bench.say(bench.message(said))
        await bench.say(bench.message(said, author=BOB))
        assert not word.has_made(BOB)
        assert bench.backend.requests  # to the model it is a message like any other
