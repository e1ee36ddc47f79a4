"""Two processes that write at once decide as one would: nothing is taken, counted or kept twice."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Table, func, insert, select

from bot.duels.store import DuelStore
from bot.duels.tables import duel_votes
from bot.errors import Refused
from bot.history.daily_use import DailyLimits, DailyUse
from bot.history.erasure import forget_person
from bot.history.prompts import KeptPrompts, SentPrompt
from bot.history.sql_store import SqlHistoryStore
from bot.history.tables import processed_events, summaries, turn_counts
from bot.history.tool_calls import CallId, StoredCall, ToolCalls
from bot.mcp.login_store import LoginStore
from bot.mcp.sealed import Sealer, make_key
from bot.mcp.tokens import MAX_TOKENS_PER_PERSON, PersonalTokens
from bot.memory.memories import MAX_MEMORIES, Memories, Owner
from bot.memory.summaries import Summaries
from bot.schedules.jobs_store import Jobs
from bot.schedules.tables import occurrences
from bot.settings.choices_store import SqlPreferences
from bot.sign_in.links import Visitor
from bot.sign_in.sessions import MAX_SESSIONS_PER_PERSON, Sessions
from bot.sign_in.tables import console_sessions
from bot.storage.batches import MAX_BATCH_ROWS, delete_batch, in_batches
from bot.storage.database import Database
from bot.storage.database import Job as WriteJob
from bot.storage.last_work import finish
from bot.types import Author, ConversationKey
from tests.contracts.history_contract import answering, asked, exchange
from tests.fakes.postgresql import PostgresqlServer
from tests.unit.bot.schedules.conftest import NOON, job
from tests.until import PATIENCE_S

ADA = Author("slack", "ada", "Ada")
PLACE = ConversationKey("slack", "@dm", "D1")


class Held(Database):
    """Once it holds, what a job has written is not committed before it is let go."""

    holds = False
    whole = False
    """Whether it has done by then what its transaction does last."""
    written: threading.Event
    let_go: threading.Event

    async def write(self, job: WriteJob[Any], *, changes: Table | None = None) -> Any:
        if not self.holds:
            return await super().write(job, changes=changes)

        def held(connection: Connection) -> Any:
            found = job(connection)
            if self.whole:
                finish(connection)
            self.written.set()
            self.let_go.wait(PATIENCE_S)
            return found

        return await super().write(held, changes=changes)


@dataclass
class Two:
    """The databases of two processes: what the first writes is held until the second waits for it,
    or is done."""

    first: Held
    second: Database
    server: PostgresqlServer
    waited: bool = False
    """Whether the second had to wait for the first."""

    async def at_once(
        self, one: Awaitable[Any], other: Awaitable[Any], *, whole: bool = False
    ) -> list[Any]:
        self.first.written, self.first.let_go = threading.Event(), threading.Event()
        self.first.holds, self.first.whole = True, whole
        a = asyncio.ensure_future(one)
        await asyncio.to_thread(self.first.written.wait, PATIENCE_S)
        b = asyncio.ensure_future(other)
        while not b.done() and not await asyncio.to_thread(self._waits):
            await asyncio.sleep(0.005)
        self.waited = not b.done()
        self.first.holds = False
        self.first.let_go.set()
        return [*await asyncio.gather(a, b, return_exceptions=True)]

    def _waits(self) -> bool:
        name = self.second.address.url.database  # type: ignore[union-attr]
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        return bool(self.server.execute(f"{waiting} AND datname = '{name}'"))

    async def count(self, table: Table) -> int:
        async with self.second.read() as connection:
            return await connection.scalar(select(func.count()).select_from(table)) or 0


@pytest.fixture
async def two(postgresql: PostgresqlServer) -> AsyncIterator[Two]:
    address = await asyncio.to_thread(postgresql.create)
    first, second = await Held.open(address), await Database.open(address)
    assert isinstance(first, Held)
    yield Two(first, second, postgresql)
    await first.close()
    await second.close()
    await asyncio.to_thread(postgresql.drop, address)


async def test_an_event_is_claimed_once(two: Two) -> None:
    a, b = SqlHistoryStore(two.first), SqlHistoryStore(two.second)
    found = await two.at_once(a.claim("slack", "E1"), b.claim("slack", "E1"), whole=True)
    assert found == [True, False]


async def test_turns_that_a_dead_process_left_end_once(two: Two) -> None:
    a, b = SqlHistoryStore(two.first), SqlHistoryStore(two.second)
    await b.open(asked("1"), answering(asked("1")))
    one, other = await two.at_once(a.interrupt_running(), b.interrupt_running())
    assert ([turn.id for turn in one], other) == (["a-1"], [])
    async with two.second.read() as connection:
        counted = select(turn_counts.c.turns, turn_counts.c.failed)
        assert set((await connection.execute(counted)).all()) == {(1, 1)}


async def test_counting_turns_holds_up_nobody_else_who_counts(two: Two) -> None:
    """The counters of a place and a model were locked for as long as a transaction took, and two
    that counted in another order waited for each other."""
    a, b = SqlHistoryStore(two.first), SqlHistoryStore(two.second)
    for name in "12":
        await b.open(asked(name), answering(asked(name)))
    first, second = (
        replace(answering(asked(name)), status="complete", text="done") for name in "12"
    )
    assert await two.at_once(a.finish(first), b.finish(second)) == [None, None]
    assert not two.waited
    async with two.second.read() as connection:
        counted = select(turn_counts.c.turns).where(turn_counts.c.kind == "model")
        assert (await connection.execute(counted)).all() == [(2,)]


async def test_a_person_has_no_more_jobs_than_they_may(two: Two) -> None:
    def add(database: Database, text: str) -> Awaitable[bool]:
        return Jobs(database).add(job(text), of_person=1, in_place=10)

    assert await two.at_once(add(two.first, "one"), add(two.second, "two")) == [True, False]


async def test_a_job_is_claimed_once_and_cancelled_once(two: Two) -> None:
    a, b = Jobs(two.first), Jobs(two.second)
    assert await a.add(job(), of_person=1, in_place=1)
    here = [job().place.platform]
    assert await two.at_once(a.claim(NOON, here), b.claim(NOON, here)) == [1, 0]
    assert await two.count(occurrences) == 1
    one, other = await two.at_once(a.cancel(job().id), b.cancel(job().id))
    assert (one and one.id, other) == (job().id, None)


async def test_memories_have_numbers_of_their_own_and_are_not_too_many(two: Two) -> None:
    a, b = (Memories(one, SqlPreferences(one)) for one in (two.first, two.second))
    mine = Owner(person=ADA.key)
    one, other = await two.at_once(a.keep(mine, "tea", ADA), b.keep(mine, "milk", ADA))
    assert (one.number, other.number) == (1, 2)
    one, other = await two.at_once(a.keep(mine, "jam", ADA), b.keep(mine, "jam", ADA))
    assert one == other
    for number in range(3, MAX_MEMORIES - 1):
        await b.keep(mine, f"{number}", ADA)
    one, other = await two.at_once(a.keep(mine, "last", ADA), b.keep(mine, "too many", ADA))
    assert one.number == MAX_MEMORIES
    assert isinstance(other, Refused)


async def test_tokens_and_sessions_are_not_too_many(two: Two) -> None:
    a, b = PersonalTokens(two.first), PersonalTokens(two.second)
    for _ in range(MAX_TOKENS_PER_PERSON - 1):
        await b.make(ADA.key, PLACE)
    one, other = await two.at_once(a.make(ADA.key, PLACE), b.make(ADA.key, PLACE))
    assert isinstance(one, str)
    assert isinstance(other, Refused)

    hour, visitor = timedelta(hours=1), Visitor(ADA.key, PLACE)
    mine, theirs = Sessions(two.first, hour), Sessions(two.second, hour)
    for _ in range(MAX_SESSIONS_PER_PERSON):
        await theirs.begin(visitor)
    await two.at_once(mine.begin(visitor), theirs.begin(visitor))
    assert await two.count(console_sessions) == MAX_SESSIONS_PER_PERSON


async def test_a_login_and_a_call_of_a_tool_are_there_once(two: Two) -> None:
    sealer = Sealer(make_key())
    a, b = LoginStore(two.first, sealer), LoginStore(two.second, sealer)
    await two.at_once(a.put("git", ADA.key, {"n": 1}), b.put("git", ADA.key, {"n": 2}))
    assert await b.get("git", ADA.key) == {"n": 2}
    await exchange(SqlHistoryStore(two.second), asked("1"))
    call = StoredCall(CallId("a-1", 0, 0), "look", {}, "offered")
    mine, theirs = ToolCalls(two.first), ToolCalls(two.second)
    assert await two.at_once(mine.save(call), theirs.save(call)) == [None, None]
    begun = await two.at_once(mine.accept(call.id), theirs.accept(call.id))
    assert [one is not None for one in begun] == [True, False]


async def test_what_may_be_done_on_a_day_is_not_exceeded(two: Two) -> None:
    a, b = (DailyUse(one, DailyLimits(steps=1)) for one in (two.first, two.second))
    steps = (one.add("p", "c", steps=1) for one in (a, b))
    one, other = await two.at_once(*steps, whole=True)
    assert one is None
    assert other.whose == "person"


async def test_a_conversation_is_summarised_once_and_not_of_what_is_forgotten(two: Two) -> None:
    store = SqlHistoryStore(two.second)
    await exchange(store, asked("1"))
    told = await store.recent(asked("1").conversation)
    a, b = Summaries(two.first), Summaries(two.second)
    found = await two.at_once(a.add(None, told, "short"), b.add(None, told, "short"))
    assert found == [True, False]
    await exchange(store, asked("2", "slack:T1:C2"))
    told = await store.recent("slack:T1:C2")
    person = told[0].author
    forgetting = forget_person(two.second, person)
    assert await two.at_once(a.add(None, told, "of 2"), forgetting) == [True, 4]
    assert await two.count(summaries) == 0


async def test_who_was_told_the_names_votes_no_more(two: Two) -> None:
    store = SqlHistoryStore(two.second)
    question = asked("1")
    await exchange(store, question)
    a, b = DuelStore(two.first), DuelStore(two.second)
    await b.add("a-1", "question", "small", "large")
    _, other = await two.at_once(
        a.tell_names("a-1", ADA.key, unvoted=True), b.vote("a-1", ADA.key, "a")
    )
    assert isinstance(other, Refused)
    await b.vote("a-1", "slack:bob", "b")
    _, other = await two.at_once(a.tell_names("a-1", "slack:bob"), b.vote("a-1", "slack:bob", "a"))
    assert isinstance(other, Refused)
    assert await two.count(duel_votes) == 2


async def test_prompts_of_one_turn_have_numbers_of_their_own(two: Two) -> None:
    await exchange(SqlHistoryStore(two.second), asked("1"))
    a, b = KeptPrompts(two.first), KeptPrompts(two.second)
    sent = SentPrompt("tiny", ())
    await two.at_once(a.add("a-1", [sent], str), b.add("a-1", [sent], str))
    assert len(await b.of_turn("a-1")) == 2


async def test_deleting_goes_on_past_what_another_process_deletes_just_now(two: Two) -> None:
    """It took the same rows, found nothing of them, and stopped before all were gone."""
    rows = [
        {"platform": "slack", "event_id": f"{n}", "at": datetime(2026, 1, 1, tzinfo=UTC)}
        for n in range(2 * MAX_BATCH_ROWS)
    ]
    await two.second.write(lambda connection: connection.execute(insert(processed_events), rows))
    batch: Callable[[Connection], int]
    batch = lambda connection: delete_batch(  # noqa: E731
        connection, processed_events, processed_events.c.platform == "slack"
    )
    await two.at_once(two.first.write(batch), in_batches(two.second, batch))
    assert await two.count(processed_events) == 0


async def test_a_word_on_an_answer_that_is_forgotten_meanwhile_is_not_kept(two: Two) -> None:
    a, b = SqlHistoryStore(two.first), SqlHistoryStore(two.second)
    question = replace(asked("1"), author=ADA.key)
    await exchange(b, question)
    forgetting = two.first.write(_forget_turns)
    assert await two.at_once(forgetting, b.feedback("a-1", "slack:bob", "good")) == [2, None]
    assert await b.verdicts("a-1") == []
    assert await a.get("a-1") is None


def _forget_turns(connection: Connection) -> int:
    return connection.exec_driver_sql("DELETE FROM turns").rowcount
