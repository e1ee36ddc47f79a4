"""Which memories and earlier exchanges fit a question: by meaning where that can be told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from backends.scripted.backend import ScriptedBackend
from bot.commands.checks import Asker
from bot.history.protocol import StoredMessage
from bot.history.sql_store import SqlHistoryStore
from bot.knowledge.relevance import relevances
from bot.memory.memories import Memories, Owner
from bot.memory.past_turns import PastTurns
from bot.memory.placement import place_memories
from bot.settings.choices_store import SqlPreferences
from bot.storage.address import DatabaseAddress
from bot.storage.database import Database
from bot.types import Author, ConversationKey
from tests.fakes.core import OneModel

ADA = Author("test", "ada", "Ada")
DIRECT = ConversationKey("test", "@dm", "ada")
ASKER = Asker(ADA, DIRECT, direct=True)
SENSES = ({"car", "automobile", "vehicle"}, {"cat", "kitten", "pet"}, {"rent", "flat", "home"})
FILLER = "and so on " * 25


async def by_sense(question: str, texts: Sequence[str]) -> Sequence[float] | None:
    """An embedder that knows which words mean the same."""
    asked = _senses(question)
    return [float(bool(asked & _senses(text))) for text in texts]


def _senses(text: str) -> set[int]:
    words = set(text.lower().replace("?", " ").split())
    return {n for n, sense in enumerate(SENSES) if sense & words}


async def unknown(question: str, texts: Sequence[str]) -> Sequence[float] | None:
    """One that is not loaded."""
    return None


@pytest.fixture
async def database(database_address: DatabaseAddress) -> AsyncIterator[Database]:
    opened = await Database.open(database_address)
    yield opened
    await opened.close()


async def placed(database: Database, question: str, likeness: object) -> str:
    kept = Memories(database, SqlPreferences(database))
    mine = Owner(person=ADA.key)
    if not await kept.of(mine):
        await kept.keep(mine, f"My automobile is green {FILLER}", ADA)
        await kept.keep(mine, f"My kitten is Miso {FILLER}", ADA)
        for number in range(30):
            await kept.keep(mine, f"fact {number} {FILLER}", ADA)
    model = ScriptedBackend("default", context=4096)
    found = await place_memories(
        kept,
        OneModel(model),  # type: ignore[arg-type]
        "default",
        ASKER,
        [],
        question,
        several=False,
        relevance=partial(relevances, likeness=likeness),  # type: ignore[arg-type]
    )
    return "\n".join(one.text for one in (*found.beginning, *found.question))


async def test_a_memory_is_found_by_its_meaning(database: Database) -> None:
    for question, likeness, found in (
        ("which colour has my car?", by_sense, "green"),
        ("how is my pet?", by_sense, "Miso"),
        ("is my kitten well?", unknown, "Miso"),
        ("is my kitten well?", None, "Miso"),
        ("what is new?", by_sense, "fact 29 "),
        ("what is new?", None, "fact 29 "),
    ):
        text = await placed(database, question, likeness)
        assert found in text, (question, text)
        assert "fact 3 " not in text
        assert "fact 29 " in text, "of those that fit no better the newest"


async def say(store: SqlHistoryStore, number: int, asked: str, said: str) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
    question = StoredMessage(
        f"q{number}", str(DIRECT), "user", asked, author=ADA.key, at=at, author_name="Ada"
    )
    answer = StoredMessage(
        f"a{number}", str(DIRECT), "assistant", "", "", at, answers=f"q{number}", status="running"
    )
    await store.open(question, answer)
    await store.finish(replace(answer, text=said, status="complete"))


async def test_what_was_said_is_recalled_by_its_meaning(database: Database) -> None:
    store = SqlHistoryStore(database)
    await say(store, 1, "my automobile is green", "A fine colour.")
    await say(store, 2, "the rent of my flat is 900", "Noted.")
    for number in range(3, 250):
        await say(store, number, f"tell me of number {number}", "So it is.")

    async def found(query: str, likeness: object = by_sense) -> list[str]:
        past = PastTurns(database, partial(relevances, likeness=likeness))  # type: ignore[arg-type]
        return [one.question.text for one in await past.find(query, ASKER, 3)]

    assert await found("rent") == ["the rent of my flat is 900"]
    assert await found("green vehicle") == ["my automobile is green"], "older than are compared"
    assert await found("home", unknown) == []
    await say(store, 250, "I have a kitten", "Lovely.")
    assert await found("pet") == ["I have a kitten"]
    assert await found("pet", None) == []
    assert await found("", by_sense) == [
        "I have a kitten",
        "tell me of number 249",
        "tell me of number 248",
    ]
