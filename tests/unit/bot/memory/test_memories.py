"""Facts are kept by person and by channel, bounded, and go with the person."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.errors import NotFound, Refused, UsageError
from bot.history.erasure import forget_person
from bot.memory.memories import MAX_MEMORIES, MAX_MEMORY_CHARACTERS, Memories, Owner, owner_of
from bot.settings.choices_store import SqlPreferences
from bot.storage.address import DatabaseAddress
from bot.storage.database import Database
from bot.types import Author, ConversationKey

ADA, EVE = Author("slack", "ada", "Ada"), Author("slack", "eve", "Eve")
THREAD = ConversationKey("slack", "team", "general", thread="17.1")
MINE, HERS = Owner(person=ADA.key), Owner(person=EVE.key)
CHANNEL = owner_of(ADA, THREAD, here=True, direct=False)


@pytest.fixture
async def database(database_address: DatabaseAddress) -> AsyncIterator[Database]:
    opened = await Database.open(database_address)
    yield opened
    await opened.close()


@pytest.fixture
def kept(database: Database) -> Memories:
    return Memories(database, SqlPreferences(database))


async def texts(kept: Memories, owner: Owner) -> list[str]:
    return [one.text for one in await kept.of(owner)]


async def test_each_owner_has_their_own(kept: Memories) -> None:
    await kept.keep(MINE, "I like tea.", ADA)
    await kept.keep(CHANNEL, "We deploy on Fridays.", ADA)
    assert await texts(kept, MINE) == ["I like tea."]
    assert await texts(kept, HERS) == []
    assert await texts(kept, CHANNEL) == ["We deploy on Fridays."]
    other = ConversationKey("slack", "team", "random")
    assert await texts(kept, owner_of(ADA, other, here=True, direct=False)) == []


def test_in_a_direct_message_here_is_the_person() -> None:
    assert owner_of(ADA, THREAD, here=True, direct=True) == MINE
    assert CHANNEL.place == "slack:team:general", "its threads share what is kept for a channel"


async def test_a_number_stays_when_another_is_deleted(kept: Memories) -> None:
    for text in ("one", "two", "three"):
        await kept.keep(MINE, text, ADA)
    assert await kept.delete(MINE, [1]) == 1
    assert [(one.number, one.text) for one in await kept.of(MINE)] == [(2, "two"), (3, "three")]
    assert (await kept.keep(MINE, "four", ADA)).number == 4
    await kept.change(await kept.find(MINE, 2), "  two,\n again ")
    assert await texts(kept, MINE) == ["two, again", "three", "four"]
    assert await kept.delete(HERS) == 0
    assert await kept.delete(MINE) == 3
    with pytest.raises(NotFound, match="no number 2"):
        await kept.find(MINE, 2)


async def test_the_same_is_kept_once(kept: Memories) -> None:
    first = await kept.keep(MINE, "I like tea.", ADA)
    assert await kept.keep(MINE, " I  like tea. ", ADA) == first
    await kept.keep(HERS, "I like tea.", EVE)
    assert await texts(kept, MINE) == await texts(kept, HERS) == ["I like tea."]


@pytest.mark.parametrize("text", ["", " \n\t ", "x" * (MAX_MEMORY_CHARACTERS + 1), "y" * 100_000])
async def test_what_is_empty_or_too_long_is_not_kept(kept: Memories, text: str) -> None:
    with pytest.raises(UsageError):
        await kept.keep(MINE, text, ADA)
    memory = await kept.keep(MINE, "x", ADA)
    with pytest.raises(UsageError):
        await kept.change(memory, text)
    assert await texts(kept, MINE) == ["x"]


async def test_there_are_never_too_many_also_at_once(kept: Memories) -> None:
    given = [kept.keep(MINE, f"fact {n}", ADA) for n in range(MAX_MEMORIES + 20)]
    done = await asyncio.gather(*given, return_exceptions=True)
    assert sum(isinstance(one, Refused) for one in done) == 20
    assert len(await kept.of(MINE)) == MAX_MEMORIES
    assert len({one.number for one in await kept.of(MINE)}) == MAX_MEMORIES
    await kept.keep(HERS, "mine", EVE)


async def test_who_has_turned_it_off_has_nothing_kept(kept: Memories, database: Database) -> None:
    await kept.keep(MINE, "I like tea.", ADA)
    await kept.turn(ADA.key, on=False)
    assert not await kept.enabled(ADA.key)
    assert await kept.enabled(EVE.key)
    with pytest.raises(Refused, match="/memory on"):
        await kept.keep(MINE, "I like milk.", ADA)
    assert await texts(kept, MINE) == ["I like tea."]
    await kept.turn(ADA.key, on=True)
    await kept.keep(MINE, "I like milk.", ADA)


async def test_forgetting_takes_what_is_theirs_and_their_name_from_what_is_others(
    kept: Memories, database: Database
) -> None:
    await kept.keep(MINE, "I like tea.", ADA)
    await kept.keep(HERS, "I like milk.", EVE)
    await kept.keep(CHANNEL, "We deploy on Fridays.", ADA)
    await kept.turn(ADA.key, on=False)
    await forget_person(database, ADA.key)
    assert await texts(kept, MINE) == []
    assert await texts(kept, HERS) == ["I like milk."]
    [left] = await kept.of(CHANNEL)
    assert (left.person, left.name, left.text) == ("", "", "We deploy on Fridays.")
    assert await kept.enabled(ADA.key), "the choice is gone, too"
