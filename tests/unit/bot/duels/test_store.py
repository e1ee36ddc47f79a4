"""Votes on duels, how they are counted, and who is told what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from bot.duels.store import DuelStore
from bot.duels.tables import duel_votes
from bot.errors import NotFound, Refused
from bot.history.erasure import forget_person
from bot.history.protocol import StoredMessage
from bot.history.retention import remove_expired
from bot.history.sql_store import SqlHistoryStore
from bot.storage.address import DatabaseAddress
from bot.storage.database import Database

ANN, BOB, EVE = "test:ann", "test:bob", "test:eve"


@pytest.fixture
async def database(database_address: DatabaseAddress) -> AsyncIterator[Database]:
    database = await Database.open(database_address)
    yield database
    await database.close()


@pytest.fixture
def store(database: Database) -> DuelStore:
    return DuelStore(database)


async def held(database: Database, number: int, a: str, b: str, by: str = ANN) -> str:
    """A duel of two models in an answer to somebody; returns the answer's id."""
    question = StoredMessage(
        f"q{number}", "test:team:general", "user", "Which?", by, datetime.now(UTC),
        author_name="Ann", event_id=f"e{number}", command="duel",
    )  # fmt: skip
    answer = replace(
        question, id=f"a{number}", role="assistant", text="", author="", event_id="",
        answers=question.id, status="running",
    )  # fmt: skip
    history = SqlHistoryStore(database)
    assert await history.open(question, answer)
    await history.finish(replace(answer, text="**A**", status="complete"))
    await DuelStore(database).add(answer.id, "question", a, b)
    return answer.id


async def test_a_vote_counts_also_where_the_clock_was_set_back(
    database: Database, store: DuelStore
) -> None:
    turn = await held(database, 1, "small", "large")
    await store.vote(turn, BOB, "a")
    later = update(duel_votes).values(at=datetime.now(UTC) + timedelta(days=1))
    await database.write(lambda connection: connection.execute(later) and None)
    await store.vote(turn, ANN, "a")
    assert (await store.board()).standings[0].model == "small"
    for person in (ANN, BOB):
        await store.vote(turn, person, "b")
    await database.write(lambda connection: connection.execute(later) and None)
    assert (await store.board()).standings[0].model == "large"


async def test_the_last_vote_of_a_person_counts(database: Database, store: DuelStore) -> None:
    turn = await held(database, 1, "small", "large")
    await store.vote(turn, ANN, "a")
    assert (await store.board()).standings[0].model == "small"
    await store.vote(turn, ANN, "b")
    assert (await store.board()).standings[0].model == "large"
    await store.vote(turn, BOB, "b")
    await store.vote(turn, EVE, "bad")
    board = await store.board()
    assert (board.votes, board.voters, board.duels) == (3, 3, 1)
    large, small = board.standings
    assert (large.model, large.won, large.tied, large.lost, large.voters) == ("large", 2, 1, 0, 3)
    assert (small.model, small.won, small.tied, small.lost, small.voters) == ("small", 0, 1, 2, 3)
    assert large.rating > small.rating
    assert large.is_early


async def test_a_side_is_not_a_model(database: Database, store: DuelStore) -> None:
    """The same model wins as A and as B."""
    await store.vote(await held(database, 1, "small", "large"), ANN, "b")
    await store.vote(await held(database, 2, "large", "small"), ANN, "a")
    best = (await store.board()).standings[0]
    assert (best.model, best.won, best.voters) == ("large", 2, 1)


async def test_who_knows_the_names_votes_no_more(database: Database, store: DuelStore) -> None:
    turn = await held(database, 1, "small", "large")
    with pytest.raises(Refused, match="Vote first"):
        await store.tell_names(turn, BOB)
    await store.vote(turn, BOB, "a")
    told = await store.tell_names(turn, BOB)
    assert (told.model_a, told.model_b) == ("small", "large")
    with pytest.raises(Refused, match="stays as it is"):
        await store.vote(turn, BOB, "b")
    assert (await store.tell_names(turn, BOB)) == told
    await store.tell_names(turn, ANN, unvoted=True)
    with pytest.raises(Refused, match="cannot vote"):
        await store.vote(turn, ANN, "b")
    assert ((await store.board()).votes, (await store.board()).standings[0].model) == (1, "small")


async def test_what_is_no_duel_is_not_voted_on(database: Database, store: DuelStore) -> None:
    for doing in (store.vote("a1", ANN, "a"), store.tell_names("a1", ANN), store.listed("a1", ANN)):
        with pytest.raises(NotFound):
            await doing
    assert (await store.board()).standings == ()


async def test_a_list_names_the_models_to_those_who_were_told(
    database: Database, store: DuelStore
) -> None:
    turns = [await held(database, number, "small", "large") for number in range(5)]
    other = await held(database, 9, "small", "large", by=BOB)
    await store.vote(turns[4], ANN, "tie")
    await store.tell_names(turns[4], ANN)
    page = await store.page(ANN, everybody=False, limit=3)
    assert [one.turn for one in page.duels] == turns[:1:-1]
    assert [one.names for one in page.duels] == [("small", "large"), None, None]
    assert (page.duels[0].choice, page.duels[0].votes) == ("tie", 1)
    rest = await store.page(ANN, everybody=False, before=page.older, limit=3)
    assert [one.turn for one in rest.duels] == turns[1::-1]
    assert rest.older == 0
    newest = (await store.page(ANN, everybody=True)).duels[0]
    assert (newest.turn, newest.asked_by) == (other, BOB)
    assert (await store.listed(turns[4], BOB)).names is None


async def test_forgetting_a_person_takes_their_votes_and_their_duels(
    database: Database, store: DuelStore
) -> None:
    first, second = (
        await held(database, 1, "small", "large"),
        await held(database, 2, "small", "large", by=BOB),
    )
    for turn in (first, second):
        for person in (ANN, BOB):
            await store.vote(turn, person, "a")
    await forget_person(database, ANN)
    board = await store.board()
    assert (board.votes, board.voters, board.duels) == (1, 1, 1)
    with pytest.raises(NotFound):
        await store.vote(first, BOB, "a")


async def test_old_votes_go_with_the_days_that_are_kept(
    database: Database, store: DuelStore
) -> None:
    turn = await held(database, 1, "small", "large")
    await store.vote(turn, ANN, "a")
    later = datetime.now(UTC) + timedelta(days=31)
    await remove_expired(database, None, later)
    assert (await store.board()).votes == 1
    await remove_expired(database, 30, later)
    assert (await store.board()).votes == 0
