"""Conversations in SQLite: the contract, restarts, and how they are found."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, text
from sqlalchemy.dialects.sqlite import dialect

from bot.errors import StorageError
from bot.history import reply_addresses as replies_sql
from bot.history import sql_store, turn_writes
from bot.history.mapping import to_message, to_row
from bot.history.reply_addresses import SqlReplies
from bot.history.sql_store import SqlHistoryStore
from bot.history.tables import Moment
from bot.replies.protocol import Reply
from bot.settings.choices_store import SqlPreferences
from bot.storage.address import DatabaseAddress
from bot.storage.database import Database
from bot.types import ConversationKey
from tests.contracts.history_contract import HERE, HistoryContract, answering, asked, exchange


@pytest.fixture
async def database(database_address: DatabaseAddress) -> AsyncIterator[Database]:
    database = await Database.open(database_address)
    yield database
    await database.close()


@pytest.fixture
def store(database: Database) -> SqlHistoryStore:
    return SqlHistoryStore(database)


class TestContract(HistoryContract):
    """`SqlHistoryStore` is a `HistoryStore`."""


class TestRestart:
    async def test_everything_is_there_after_a_restart(self, tmp_path: Path) -> None:
        path = tmp_path / "parlance.db"
        first = await Database.open(path)
        store = SqlHistoryStore(first)
        assert await store.claim("slack", "E1")
        done = await exchange(store, asked("1"))
        question = asked("2")
        await store.open(question, answering(question))
        await first.close()

        second = await Database.open(path)
        try:
            store = SqlHistoryStore(second)
            assert not await store.claim("slack", "E1")
            assert await store.get(done.id) == done
            assert [turn.id for turn in await store.interrupt_running()] == ["a-2"]
            assert len(await store.recent(HERE)) == 4
        finally:
            await second.close()


class TestOpen:
    async def test_a_turn_id_is_used_once(self, store: SqlHistoryStore) -> None:
        done = await exchange(store, asked("1"))
        with pytest.raises(StorageError):
            await store.open(asked("2"), replace(answering(asked("2")), id=done.id))
        assert await store.get("q-2") is None
        assert await store.get(done.id) == done


class TestFeedback:
    async def test_the_latest_verdict_of_a_person_counts(self, store: SqlHistoryStore) -> None:
        await exchange(store, asked("1"))
        await store.feedback("a-1", "slack:ada", "good")
        await store.feedback("a-1", "slack:bob", "good")
        await store.feedback("a-1", "slack:ada", "outdated", passage="p7")
        await store.feedback("a-1", "slack:ada", "bad")
        assert sorted(await store.verdicts("a-1")) == [
            ("slack:ada", "", "bad"),
            ("slack:ada", "p7", "outdated"),
            ("slack:bob", "", "good"),
        ]


class TestForget:
    async def test_nothing_of_a_person_is_left_in_any_table(
        self, database: Database, store: SqlHistoryStore
    ) -> None:
        choices, replies = SqlPreferences(database), SqlReplies(database)
        await exchange(store, asked("1"))
        await exchange(store, asked("2", author="slack:bob"))
        await store.feedback("a-1", "slack:bob", "good")
        await store.feedback("a-2", "slack:ada", "good")
        await choices.put("model", HERE, "tiny", "slack:ada")
        await replies.save(Reply("a-1", "slack", HERE, {"ts": "1"}, True))
        await store.forget(person="slack:ada")
        assert await store.verdicts("a-1") == []
        assert await store.verdicts("a-2") == []
        assert await replies.get("a-1") is None
        assert await choices.get("model", HERE) == "tiny"
        assert await _rows_with(database, "slack:ada") == []

    async def test_what_a_person_chose_for_themselves_goes_with_them(
        self, database: Database, store: SqlHistoryStore
    ) -> None:
        choices, key = SqlPreferences(database), ConversationKey.parse(HERE)
        await exchange(store, asked("1", author="slack:bob"))
        for person in ("slack:ada", "slack:bob"):
            await choices.put("setting:persona", key.scope("person", person), "x", person)
        await choices.put("model", "slack:T1", "tiny", "slack:ada")
        await store.forget(person="slack:ada")
        assert list(await choices.of("setting:persona")) == [key.scope("person", "slack:bob")]
        assert await choices.of("model") == {"slack:T1": "tiny"}
        assert await _rows_with(database, "slack:ada") == []

    async def test_a_conversation_goes_with_its_choices_and_buttons(
        self, database: Database, store: SqlHistoryStore
    ) -> None:
        choices, replies = SqlPreferences(database), SqlReplies(database)
        await exchange(store, asked("1"))
        await choices.put("model", HERE, "tiny", "slack:ada")
        await choices.put("model", "slack:T1", "tiny", "slack:ada")
        await replies.save(Reply("old", "slack", HERE, {"ts": "1"}, True))
        assert await store.forget(conversation=HERE) == 2
        assert await choices.get("model", HERE) is None
        assert await choices.get("model", "slack:T1") == "tiny"
        assert await replies.get("old") is None

    async def test_of_a_person_in_one_conversation(self, store: SqlHistoryStore) -> None:
        await exchange(store, asked("1"))
        await exchange(store, asked("2", "slack:T1:C2"))
        assert await store.forget(person="slack:ada", conversation=HERE) == 2
        assert await store.get("q-2") is not None

    async def test_more_turns_than_one_statement_may_name(self, store: SqlHistoryStore) -> None:
        await asyncio.gather(*(exchange(store, asked(str(n))) for n in range(600)))
        assert await store.forget(person="slack:ada") == 1200


@pytest.fixture
async def in_file(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "parlance.db")
    yield database
    await database.close()


class TestLoad:
    async def test_many_conversations_at_once_lose_and_mix_nothing(
        self, store: SqlHistoryStore
    ) -> None:
        async def talk(conversation: str) -> None:
            for n in range(10):
                question = asked(f"{conversation}-{n}", conversation)
                assert await store.claim("slack", question.event_id)
                answer = answering(question)
                await store.open(question, answer)
                await store.progress(answer.id, "so far")
                await store.finish(replace(answer, text=f"{n}", status="complete"))

        keys = [f"slack:T1:C{n}" for n in range(50)]
        await asyncio.gather(*map(talk, keys))
        for key in keys:
            found = await store.recent(key)
            assert [turn.text for turn in found if turn.role == "assistant"] == [
                str(n) for n in range(10)
            ]
            assert {turn.conversation for turn in found} == {key}

    @pytest.mark.parametrize(
        ("module", "name"),
        [
            (sql_store, "_recent"),
            (sql_store, "_running"),
            (sql_store, "_by_event"),
            (sql_store, "_get"),
            (turn_writes, "_finish"),
            (turn_writes, "_ending"),
            (replies_sql, "_unfinished"),
            (replies_sql, "_known"),
        ],
    )
    async def test_every_statement_goes_by_an_index_and_sorts_nothing(
        self, in_file: Database, module: ModuleType, name: str
    ) -> None:
        compiled = getattr(module, name).compile(dialect=dialect(paramstyle="named"))
        values = {
            key: ["1"] if compiled.binds[key].expanding and not value else value or 1
            for key, value in compiled.params.items()
        }
        query = compiled.construct_expanded_state(values)

        def explain(connection: Connection) -> list[str]:
            driver = connection.connection.driver_connection
            assert driver is not None
            explained = f"EXPLAIN QUERY PLAN {query.statement}"
            return [row[3] for row in driver.execute(explained, query.parameters)]

        plan = [step for step in await in_file.write(explain) if "SUBQUERY" not in step]
        assert plan  # a heading is no step
        assert all("USING" in step and "SCAN" not in step for step in plan), plan
        assert not any("TEMP B-TREE" in step for step in plan), plan


class TestRows:
    @given(
        st.text(),
        st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text()),
        st.datetimes(timezones=st.just(UTC)),
    )
    def test_a_turn_is_the_same_after_a_row(
        self, said: str, options: dict[str, str | int | float | bool | None], at: datetime
    ) -> None:
        turn = asked("1", text=said, options=options, at=at)
        assert to_message(to_row(turn)) == turn

    @given(st.datetimes(timezones=st.just(UTC)))
    def test_a_moment_is_kept_to_the_microsecond(self, at: datetime) -> None:
        kind = Moment()
        stored = kind.process_bind_param(at, dialect())
        assert isinstance(stored, int)
        assert kind.process_result_value(stored, dialect()) == at

    def test_moments_sort_as_numbers_before_the_epoch_too(self) -> None:
        early = datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC)
        kind = Moment()
        values = [
            kind.process_bind_param(early + timedelta(microseconds=n), dialect()) for n in range(3)
        ]
        assert values == sorted(values)


async def _rows_with(database: Database, value: str) -> list[str]:
    """Tables in which any column of any row is this value."""
    found = []
    async with database.read() as connection:
        for table in ("turns", "choices", "replies", "feedback", "processed_events"):
            rows = (await connection.execute(text(f"SELECT * FROM {table}"))).all()
            found += [table for row in rows if value in row]
    return found
