"""What is counted of turns, and read by day, place, model, skill and person."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from alembic import command
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Select, insert, select
from sqlalchemy.dialects import registry

from backends.base import Usage
from bot.history import usage as counting
from bot.history.days import Days, date_of
from bot.history.protocol import Cut, StoredMessage
from bot.history.sql_store import SqlHistoryStore
from bot.history.suspensions import Suspension, Suspensions
from bot.history.tables import turn_counts
from bot.history.turn_counts import SUMS
from bot.history.usage import UsageCounts, Use
from bot.storage.address import DatabaseAddress
from bot.storage.database import Database
from bot.storage.engine import sync_engine
from bot.storage.migrations import alembic_config, migrate
from tests.contracts.history_contract import HERE, START, answering, asked

USAGE = Usage(100, 20, 30, 0.1, 0.2, 0.3, 0.4)
USED = Use(1, 0, 1, 100, 30, 0.1, 0.6, 0.9)
DAYS = Days(date(2026, 1, 1), date(2026, 1, 7), UTC)


@pytest.fixture
async def database(database_address: DatabaseAddress) -> AsyncIterator[Database]:
    database = await Database.open(database_address)
    yield database
    await database.close()


@pytest.fixture
def store(database: Database) -> SqlHistoryStore:
    return SqlHistoryStore(database)


@pytest.fixture
def counts(database: Database) -> UsageCounts:
    return UsageCounts(database)


async def turn(
    store: SqlHistoryStore, name: str, place: str = HERE, by: str = "slack:ada", **more: object
) -> StoredMessage:
    """Store a turn that has ended; returns its answer."""
    question = asked(name, place, by, private=False)
    answer = replace(answering(question), private=False)
    await store.open(question, answer)
    done = replace(answer, status="complete", model="tiny", usage=USAGE, private=False)
    await store.finish(replace(done, **more))  # type: ignore[arg-type]
    return replace(done, **more)  # type: ignore[arg-type]


class TestCounting:
    async def test_what_is_asked_is_counted_by_day_place_model_skill_and_person(
        self, store: SqlHistoryStore, counts: UsageCounts
    ) -> None:
        await turn(store, "1")
        await turn(store, "2", f"{HERE}:t=9", "slack:bob", model="large")
        await turn(store, "3", "slack:T1:C2", status="failed", usage=None, model="")
        report = await counts.report(DAYS)
        failed = Use(turns=1, failed=1)
        assert dict(report.days)[date(2026, 1, 2)] == USED + USED + failed
        assert report.total == USED + USED + failed
        assert len(report.days) == 7
        assert report.by["place"] == [(HERE, USED + USED), ("slack:T1:C2", failed)]
        assert sorted(report.by["model"]) == [("", failed), ("large", USED), ("tiny", USED)]
        assert report.by["skill"] == [("message", USED + USED + failed)]
        people = await counts.people(DAYS)
        assert [(one.person, one.name, one.use) for one in people] == [
            ("slack:ada", "Ada", USED + failed),
            ("slack:bob", "Ada", USED),
        ]

    async def test_of_one_person_as_of_all(
        self, store: SqlHistoryStore, counts: UsageCounts
    ) -> None:
        await turn(store, "1")
        await turn(store, "2", "slack:T1:C2", "slack:bob", model="large")
        report = await counts.report(DAYS, "slack:bob")
        assert report.total == USED
        assert report.by == {
            "place": [("slack:T1:C2", USED)],
            "model": [("large", USED)],
            "skill": [("message", USED)],
        }

    async def test_private_places_are_counted_as_one_without_a_name(
        self, store: SqlHistoryStore, counts: UsageCounts
    ) -> None:
        for name, private in (("1", True), ("2", None)):
            question = asked(name, f"slack:T1:D{name}", private=private)
            await store.open(question, replace(answering(question), private=private))
            await store.finish(replace(answering(question), status="complete", usage=USAGE))
        assert (await counts.report(DAYS)).by["place"] == [("", USED + USED)]

    async def test_a_turn_that_goes_on_stays_one_and_what_it_takes_is_added(
        self, store: SqlHistoryStore, counts: UsageCounts
    ) -> None:
        answer = await turn(store, "1", cut=Cut("tiny", "A"))
        assert await store.reopen(answer.id)
        assert (await counts.report(DAYS)).total == replace(USED, turns=0)
        more = replace(answer, usage=Usage(7, 0, 3, 0.0, 0.0, 1.0, 1.0))
        await store.finish(more)
        once = USED + Use(0, 0, 1, 7, 3, 0.0, 1.0, 2.0)
        assert (await counts.report(DAYS)).total == once
        assert await store.reopen(answer.id)
        await store.finish(replace(more, cut=None), before=more)  # it said nothing more
        assert (await counts.report(DAYS)).total == once
        await store.finish(more)  # it has ended before
        assert (await counts.report(DAYS)).total == once

    async def test_a_turn_that_waits_is_counted_once(
        self, database: Database, store: SqlHistoryStore, counts: UsageCounts
    ) -> None:
        answer = await turn(store, "1", status="waiting")
        suspensions = Suspensions(database)
        soon = START + timedelta(days=1)
        await suspensions.save(Suspension(answer.id, "slack:ada", HERE, False, {}, soon))
        assert await suspensions.take(answer.id)
        assert (await counts.report(DAYS)).total.turns == 0
        await store.finish(replace(answer, status="complete", usage=replace(USAGE, queue_s=0)))
        assert (await counts.report(DAYS)).total.turns == 1

    async def test_what_a_dead_process_left_is_counted_as_failed(
        self, database: Database, store: SqlHistoryStore, counts: UsageCounts
    ) -> None:
        for name in ("1", "2"):
            question = asked(name)
            await store.open(question, answering(question))
        soon = START + timedelta(days=1)
        await Suspensions(database).save(Suspension("a-2", "slack:ada", HERE, False, {}, soon))
        await store.interrupt_running()
        assert (await counts.report(DAYS)).total == Use(turns=2, failed=1)

    async def test_what_is_forgotten_has_no_name_any_more(
        self, store: SqlHistoryStore, counts: UsageCounts
    ) -> None:
        await turn(store, "1")
        await store.forget(person="slack:ada")
        assert await counts.people(DAYS) == []
        assert (await counts.report(DAYS, "slack:ada")).total == Use()
        assert (await counts.report(DAYS)).total == USED


ZONES = st.sampled_from(
    ["UTC", "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia",
     "America/Sao_Paulo", "Asia/Beirut", "Europe/Dublin"]
)  # fmt: skip


class TestDays:
    @pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/New_York", "Asia/Beirut"])
    async def test_a_day_is_one_of_the_zone_also_where_the_clocks_change(
        self, database: Database, zone: str
    ) -> None:
        """Beirut's clocks change at midnight, New York's at two."""
        days = Days(date(2026, 3, 1), date(2026, 11, 30), ZoneInfo(zone))
        row = dict.fromkeys(SUMS, 1) | {"place": "", "model": "", "skill": ""}
        moments = [days.start + timedelta(minutes=15) * n for n in range(0, 26_000, 3)]
        moments = [at for at in moments if at < days.end]
        rows = [{**row, "kind": "model", "name": "", "at": at} for at in moments]
        await database.write(lambda c: c.execute(insert(turn_counts), rows).rowcount)
        found = select(turn_counts.c.at, days.day_of(turn_counts.c.at).label("day"))
        async with database.read() as connection:
            for at, day in (await connection.execute(found)).all():
                assert date_of(day) == at.astimezone(days.zone).date(), at

    @given(st.dates(date(2005, 1, 1), date(2037, 1, 1)), st.integers(0, 400), ZONES)
    def test_days_follow_each_other(self, first: date, more: int, zone: str) -> None:
        days = Days(first, first + timedelta(days=more), ZoneInfo(zone))
        assert len(days.all()) == more + 1
        assert days.start.astimezone(days.zone).date() >= first
        assert days.end > days.start

    def test_the_newest_days_end_today(self) -> None:
        late = datetime(2026, 1, 2, 23, 30, tzinfo=UTC)
        days = Days.newest(7, ZoneInfo("Europe/Berlin"), late)
        assert (days.first, days.last) == (date(2025, 12, 28), date(2026, 1, 3))


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_the_queries_are_what_every_database_knows(dialect: str) -> None:
    days = Days(date(2026, 1, 1), date(2026, 12, 31), ZoneInfo("Europe/Berlin"))
    queries: list[Select[tuple[object, ...]]] = [
        counting._by_day(days, None), counting._by_day(days, "p"), counting._by("place", days, "p"),
        counting._by("model", days, None), counting._by_person(days),
    ]  # fmt: skip
    for query in queries:
        written = str(query.compile(dialect=registry.load(dialect)()))
        for word in ("strftime", "date(", "json", "julianday", "date_trunc"):
            assert word not in written.lower()
    assert "GROUP BY day" in str(queries[0].compile(dialect=registry.load(dialect)()))


def go_back(path: Path) -> None:
    """Take a database back to the schema that counted nothing."""
    engine = sync_engine(path)
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0015")
    engine.dispose()


async def test_turns_of_before_are_measured_and_counted_by_the_migration(tmp_path: Path) -> None:
    path = tmp_path / "parlance.db"
    database = await Database.open(path)
    store = SqlHistoryStore(database)
    await turn(store, "1")
    await turn(store, "2", f"{HERE}:t=9", "slack:bob", status="interrupted", error="ab12cd34")
    await turn(store, "3", usage=None, model="")
    await store.open(asked("4"), answering(asked("4")))
    await database.close()

    def kept() -> list[list[object]]:
        with closing(sqlite3.connect(path)) as file:
            measured = "SELECT id, wait_ms, total_ms, written FROM turns ORDER BY seq"
            counted = "SELECT * FROM turn_counts ORDER BY kind, at, name, place, model, skill"
            return [file.execute(query).fetchall() for query in (measured, counted)]

    before = kept()
    assert ("a-1", 600, 1000, 30) in before[0]
    await asyncio.to_thread(go_back, path)
    await migrate(path)
    assert kept() == before
