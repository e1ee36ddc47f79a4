"""Who is let in: admins of the run time, blocked people, pauses, and places that are allowed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from bot.commands.checks import Asker
from bot.errors import Denied, UsageError
from bot.history.protocol import StoredMessage
from bot.history.sql_store import SqlHistoryStore
from bot.history.tables import choices
from bot.settings.admin_word import AdminWord
from bot.settings.admins import Admins
from bot.settings.admission import BLOCKED, Admission
from bot.settings.choices_store import SqlPreferences
from bot.settings.moderation import Moderation
from bot.settings.places import GREETING, MAX_WRONG_TRIES, WORD_LIFE_S, AllowedPlaces
from bot.settings.shown_words import ShownWords
from bot.storage.address import DatabaseAddress
from bot.storage.database import Database
from bot.types import Author, ConversationKey

ROOT = Author("slack", "U0ROOT", "Root")
ADA = Author("slack", "U0ADA", "Ada")
EVE = Author("slack", "U0EVE", "Eve")
BOB = Author("slack", "U0BOB", "Bob")
HERE = ConversationKey("slack", "T1", "C1")
THREAD = ConversationKey("slack", "T1", "C1", "9.1")
ELSEWHERE = ConversationKey("slack", "T1", "C2")
ABROAD = ConversationKey("slack", "T2", "C1")
START = datetime(2026, 1, 2, tzinfo=UTC)


@dataclass
class Gate:
    """All that decides, on one database, with a clock that a test moves."""

    admins: Admins
    moderation: Moderation
    places: AllowedPlaces
    admission: Admission
    now: float = 0.0

    def asker(self, author: Author, place: ConversationKey = HERE) -> Asker:
        return Asker(author, place, admin=self.admins.is_admin(author))

    def admits(self, author: Author, action: str = "message", at: ConversationKey = HERE) -> bool:
        return self.admission.admits(self.asker(author, at), action)

    async def told(
        self,
        author: Author,
        action: str = "message",
        at: ConversationKey = HERE,
        text: str = "",
    ) -> str | None:
        return await self.admission.refusal(self.asker(author, at), action, text)


async def make(database: Database, *allowed: str) -> Gate:
    preferences = SqlPreferences(database)
    words = ShownWords(database, lambda: START + timedelta(seconds=gate.now))
    admins = Admins(preferences, lambda author: author.key == ROOT.key, AdminWord(words))
    moderation = Moderation(preferences, admins)
    places = AllowedPlaces(preferences, {"slack": allowed}, admins, words)
    admission = Admission(moderation, places, clock=lambda: gate.now)
    gate = Gate(admins, moderation, places, admission)
    for each in (admins, moderation, places):
        await each.load()
    return gate


@pytest.fixture
async def database(database_address: DatabaseAddress) -> AsyncIterator[Database]:
    opened = await Database.open(database_address)
    yield opened
    await opened.close()


class TestBlocked:
    async def test_somebody_is_blocked_everywhere_and_told_once_an_hour(
        self, database: Database
    ) -> None:
        gate = await make(database)
        assert gate.admits(EVE)
        await gate.moderation.block(EVE.key, ROOT.key)
        for action in ("message", "help", "button:why", "button:stop", "allow"):
            assert not gate.admits(EVE, action)
            assert gate.admits(ADA, action)
        assert await gate.told(ADA) is None
        places = (HERE, ELSEWHERE, THREAD, ABROAD)
        assert [await gate.told(EVE, at=place) for place in places] == [BLOCKED, "", "", ""]
        gate.now = 3599.0
        assert await gate.told(EVE, "help") == ""
        gate.now = 3600.0
        assert await gate.told(EVE, "help") == BLOCKED

    async def test_it_survives_a_restart_and_can_be_taken_back(self, database: Database) -> None:
        await (await make(database)).moderation.block(EVE.key, ROOT.key)
        gate = await make(database)
        assert gate.moderation.blocked() == [EVE.key]
        assert not gate.admits(EVE)
        assert await gate.moderation.unblock(EVE.key, ROOT.key)
        assert not await gate.moderation.unblock(EVE.key, ROOT.key)
        assert gate.admits(EVE)
        assert (await make(database)).admits(EVE)

    async def test_an_admin_cannot_be_blocked(self, database: Database) -> None:
        gate = await make(database)
        with pytest.raises(UsageError, match="An admin cannot be blocked"):
            await gate.moderation.block(ROOT.key, ROOT.key)
        await gate.moderation.block(EVE.key, ROOT.key)
        await gate.admins.add(EVE.key, ROOT.key)  # such as by a role, which an id does not tell
        assert gate.admits(EVE)


class TestForgetting:
    async def test_who_blocked_is_forgotten_and_the_block_stays(self, database: Database) -> None:
        gate = await make(database, "T1")
        with capture_logs() as logs:
            await gate.told(ADA, at=ABROAD)
        await gate.places.redeem(logs[0]["word"], ABROAD, ADA.key)
        await gate.moderation.block(EVE.key, ADA.key)
        await gate.moderation.pause(HERE, ADA.key, "cleaning")
        history = SqlHistoryStore(database)
        for place in (HERE, ABROAD):  # of which nobody but Ada ever asked anything
            asked = StoredMessage(
                id=f"q{place}", conversation=str(place), role="user", text="?", author=ADA.key,
                author_name="Ada", at=datetime.now(UTC), event_id=str(place),
            )  # fmt: skip
            answer = StoredMessage(
                id=f"a{place}", conversation=str(place), role="assistant", text="!", author="us",
                at=datetime.now(UTC), answers=asked.id,
            )  # fmt: skip
            await history.open(asked, answer)
        for person in (ADA.key, EVE.key):
            await history.forget(person=person)
        async with database.read() as connection:
            rows = (await connection.execute(select(choices.c.name, choices.c.by))).all()
        assert sorted(map(tuple, rows)) == [
            (name, "") for name in ("admin", "blocked", "paused", "place")
        ]
        again = await make(database, "T1")
        assert again.moderation.blocked() == [EVE.key]
        assert not again.admits(BOB)
        assert again.admits(BOB, at=ABROAD)
        assert again.admins.is_admin(ADA)


class TestPaused:
    async def test_others_are_told_once_and_admins_may_use_commands(
        self, database: Database
    ) -> None:
        gate = await make(database)
        await gate.moderation.pause(HERE, ROOT.key, "the disk is being changed")
        assert gate.admits(ROOT, "settings")
        assert not gate.admits(ROOT)
        assert not gate.admits(ROOT, "button:regenerate")
        for place in (HERE, THREAD):
            assert not gate.admits(ADA, at=place)
            assert not gate.admits(ADA, "help", place)
            assert gate.admits(ADA, "stop", place)
            assert gate.admits(ADA, "button:stop", place)
        assert gate.admits(ADA, at=ELSEWHERE)
        told = await gate.told(ADA)
        assert told == "I am paused here: the disk is being changed. Please try again later."
        assert await gate.told(ADA, at=THREAD) == ""
        assert await gate.told(EVE) == told

    async def test_everywhere_is_apart_from_here(self, database: Database) -> None:
        await (await make(database)).moderation.pause(None, ROOT.key)
        gate = await make(database)
        for place in (HERE, THREAD, ELSEWHERE, ABROAD):
            assert not gate.admits(ADA, at=place)
        assert await gate.told(ADA) == "I am paused here. Please try again later."
        assert not await gate.moderation.resume(HERE, ROOT.key)
        assert await gate.moderation.resume(None, ROOT.key)
        assert gate.admits(ADA)

    async def test_a_thread_can_be_paused_alone(self, database: Database) -> None:
        gate = await make(database)
        await gate.moderation.pause(THREAD, ROOT.key)
        assert not gate.admits(ADA, at=THREAD)
        assert gate.admits(ADA, at=HERE)


class TestAllowedPlaces:
    async def test_without_a_list_it_works_everywhere(self, database: Database) -> None:
        gate = await make(database)
        for place in (HERE, ABROAD, ConversationKey("discord", "1", "2")):
            assert gate.admits(ADA, at=place)

    async def test_elsewhere_it_speaks_once_and_does_nothing(self, database: Database) -> None:
        gate = await make(database, "T1")
        assert gate.admits(ADA)
        assert gate.admits(ADA, at=ConversationKey("discord", "1", "2"))
        for author in (ADA, ROOT):
            for action in ("message", "help", "settings", "button:why", "button:stop"):
                assert not gate.admits(author, action, ABROAD)
        with capture_logs() as logs:
            said = [await gate.told(who, at=ABROAD) for who in (ADA, EVE, ROOT, ADA)]
        assert said == [GREETING, "", "", ""]
        (line,) = logs
        assert (line["event"], line["log_level"]) == ("place.not_allowed", "warning")
        assert line["word"] not in GREETING

    @pytest.mark.parametrize("way", ["command", "mention"])
    async def test_the_word_allows_the_place_and_makes_an_admin(
        self, way: str, database: Database
    ) -> None:
        gate = await make(database, "T1")
        with capture_logs() as logs:
            await gate.told(EVE, at=ABROAD)
        word = f" {logs[0]['word']}\n"
        if way == "command":
            assert gate.admits(EVE, "allow", ABROAD)
            said: str | None = await gate.places.redeem(word, ABROAD, EVE.key)
        else:
            said = await gate.told(EVE, at=ABROAD, text=word)
        assert said == "Thank you: I work here from now on, and you are an admin."
        for again in (gate, await make(database, "T1")):
            assert again.admits(ADA, at=ABROAD)
            assert again.admins.is_admin(EVE)
            assert not again.admins.is_admin(ADA)
            other = ConversationKey("slack", "T3", "C1")
            assert not again.admits(EVE, at=other)
        assert await gate.places.redeem(word, ABROAD, ADA.key) == "I work here already."
        assert not gate.admins.is_admin(ADA)

    async def test_a_word_of_another_place_is_none(self, database: Database) -> None:
        gate = await make(database, "T1")
        other = ConversationKey("slack", "T3", "C1")
        with capture_logs() as logs:
            await gate.told(EVE, at=ABROAD)
            await gate.told(EVE, at=other)
        with pytest.raises(Denied, match="not the word"):
            await gate.places.redeem(logs[0]["word"], other, EVE.key)
        assert not gate.admits(EVE, at=other)

    async def test_after_some_guesses_a_word_is_void_and_a_new_one_comes(
        self, database: Database
    ) -> None:
        gate = await make(database, "T1")
        with capture_logs() as logs:
            await gate.told(EVE, at=ABROAD)
            first = logs[0]["word"]
            for _ in range(MAX_WRONG_TRIES):
                with pytest.raises(Denied, match="not the word"):
                    await gate.places.redeem("0123456789abcdef", ABROAD, EVE.key)
            gate.now = WORD_LIFE_S - 1
            for text in (first, "0123456789abcdef"):
                with pytest.raises(Denied, match="Too many wrong words"):
                    await gate.places.redeem(text, ABROAD, EVE.key)
            assert [line["event"] for line in logs].count("place.not_allowed") == 1
            gate.now = WORD_LIFE_S
            assert await gate.told(EVE, at=ABROAD) == ""
        second = [line["word"] for line in logs if line["event"] == "place.not_allowed"][1]
        assert second != first
        with pytest.raises(Denied, match="not the word"):
            await gate.places.redeem(first, ABROAD, EVE.key)
        await gate.places.redeem(second, ABROAD, EVE.key)
        assert gate.admits(ADA, at=ABROAD)

    async def test_another_process_takes_the_word_and_counts_the_guesses_with_this_one(
        self, database_address: DatabaseAddress, database: Database
    ) -> None:
        second = await Database.open(database_address)
        here, there = await make(database, "T1"), await make(second, "T1")
        with capture_logs() as logs:
            assert await here.told(EVE, at=ABROAD) == GREETING
            assert await there.told(ADA, at=ABROAD) == ""
        (line,) = logs
        for gate in (here, there, here, there):
            with pytest.raises(Denied, match="not the word"):
                await gate.places.redeem("0123456789abcdef", ABROAD, ADA.key)
        both = [gate.places.redeem(line["word"], ABROAD, EVE.key) for gate in (here, there)]
        came = await asyncio.gather(*both, return_exceptions=True)
        assert sorted(type(one).__name__ for one in came) == ["Denied", "Sentence"]
        await second.close()

    async def test_an_admin_of_a_word_can_be_taken_back(self, database: Database) -> None:
        gate = await make(database, "T1")
        await gate.admins.add(EVE.key, EVE.key)
        assert gate.admins.chosen() == [EVE.key]
        assert await gate.admins.remove(EVE.key, ROOT.key)
        assert not await gate.admins.remove(ROOT.key, ROOT.key)  # config.yaml names them
        assert not gate.admins.is_admin(EVE)
        assert not (await make(database)).admins.is_admin(EVE)
        assert gate.admins.is_admin(ROOT)
