"""A job runs when it is due, once, with the rights of its owner; what was missed comes late."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, update

from bot.commands.authorization import Authorizer
from bot.commands.checks import Asker
from bot.history.erasure import forget_person
from bot.history.retention import remove_expired
from bot.schedules.jobs_store import Jobs
from bot.schedules.scheduler import MAX_RUNNING
from bot.schedules.tables import occurrences
from bot.storage.address import DatabaseAddress
from bot.storage.database import Database
from bot.types import ConversationKey
from tests.fakes.announcing import KeyedPlatform
from tests.fakes.core import ADA, HERE
from tests.unit.bot.schedules.conftest import BERLIN, NOON, Clock, job, process

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
EVERY_NOON = "0 12 * * *"


async def test_a_reminder_comes_when_it_is_due_and_only_then(
    database_address: DatabaseAddress,
) -> None:
    async with process(database_address, clock=Clock(NOON - HOUR)) as on:
        await on.add(job())
        await on.idle()
        assert on.platform.texts == []
        await on.at(NOON)
        assert await on.platform.until(1) == ["A reminder of Ada:\ncall Bob"]
        await on.until_states("j-call-Bob", "done")
        await on.at(NOON + HOUR)
        assert len(on.platform.shown) == 1


async def test_a_private_one_is_for_its_owner_alone(database_address: DatabaseAddress) -> None:
    async with process(database_address) as on:
        await on.add(job(private=True))
        await on.platform.until(1)
        assert list(on.platform.shown.values()) == [(HERE, ADA.key, "call Bob")]


async def test_what_ends_while_the_scheduler_looks_is_not_begun_again(
    database_address: DatabaseAddress,
) -> None:
    database = await Database.open(database_address)
    jobs, one = Jobs(database), job()
    assert await jobs.add(one, of_person=10, in_place=10)
    assert await jobs.claim(NOON, [HERE.platform]) == 1
    (due,) = await jobs.open(NOON, [HERE.platform], (), 1)
    running = {due.key: "is being carried out"}
    look = asyncio.create_task(jobs.open(NOON, [HERE.platform], running.keys(), 1))
    await asyncio.sleep(0)
    running.clear()
    assert await look == []
    await database.close()


async def test_what_is_added_wakes_the_scheduler(database_address: DatabaseAddress) -> None:
    async with process(database_address) as on:
        await on.add(job("late", NOON + HOUR))
        await on.idle()
        await on.add(job("now"))
        await on.platform.until(1)


async def test_what_was_missed_while_down_comes_once_and_says_so(
    database_address: DatabaseAddress,
) -> None:
    week = job("stand-up", NOON - 5 * timedelta(days=1), cron=EVERY_NOON)
    async with process(database_address, clock=Clock(NOON + HOUR), before=[week]) as on:
        assert await on.platform.until(1) == [
            "A reminder of Ada:\nstand-up\n"
            "This was due on Friday, 27 March 2026 at 12:00 (Europe/Berlin). I was not running."
        ]
        await on.until_states(week.id, "done")
        (left,) = await on.jobs.of_person(ADA.key)
        # The clocks change on Sunday; noon stays noon.
        assert left.next_at == datetime(2026, 3, 28, 11, tzinfo=UTC)
        await on.at(datetime(2026, 3, 29, 10, tzinfo=UTC))
        assert len(await on.platform.until(2)) == 2


async def test_what_the_platform_did_not_take_comes_late_and_says_why(
    database_address: DatabaseAddress,
) -> None:
    async with process(database_address, platform=KeyedPlatform(down=True)) as on:
        await on.add(job())
        await on.idle()
        on.platform.down = False
        await on.at(NOON + 10 * MINUTE)
        (text,) = await on.platform.until(1)
        assert text.endswith("at 12:00 (Europe/Berlin). I could not send it then.")


async def test_a_clock_that_is_set_back_runs_nothing_twice(
    database_address: DatabaseAddress,
) -> None:
    async with process(database_address) as on:
        await on.add(job("once"), job("daily", cron=EVERY_NOON))
        await on.platform.until(2)
        await on.until_states("j-daily", "done")
        await on.at(NOON - HOUR)
        await on.at(NOON)
        await on.at(NOON + MINUTE)
        assert len(on.platform.shown) == 2
        assert await on.jobs.states("j-daily") == ["done"]


async def test_a_clock_that_is_set_forward_runs_what_it_passes_once(
    database_address: DatabaseAddress,
) -> None:
    async with process(database_address, clock=Clock(NOON - HOUR)) as on:
        await on.add(job("quarterly", NOON - HOUR + MINUTE, cron="*/15 * * * *"))
        await on.at(NOON + HOUR)
        assert len(await on.platform.until(1)) == 1
        await on.until_states("j-quarterly", "done")
        await on.at(NOON)
        await on.at(NOON + HOUR)
        assert len(on.platform.shown) == 1


async def test_it_waits_for_a_platform_that_is_not_connected_yet(
    database_address: DatabaseAddress,
) -> None:
    async with process(database_address, connect=False, before=[job()]) as on:
        await on.idle()
        assert await on.jobs.states("j-call-Bob") == []
        with on.bench.core.connect(on.platform):
            await on.platform.until(1)


async def test_whoever_did_not_serve_the_platform_claimed_what_nobody_sent_then(
    database_address: DatabaseAddress,
) -> None:
    async with (
        process(database_address, connect=False) as other,
        process(database_address, clock=Clock(NOON - MINUTE)) as serving,
    ):
        await serving.add(job())
        await serving.idle()
        await other.at(NOON)
        assert await serving.jobs.states("j-call-Bob") == []
        await serving.at(NOON)
        await serving.platform.until(1)


async def test_a_process_that_ended_before_it_was_sent_sends_it_later(
    database_address: DatabaseAddress,
) -> None:
    async with process(database_address, connect=False, before=[job()]) as on:
        assert await on.jobs.claim(NOON, [HERE.platform]) == 1
    async with process(database_address) as again:
        await again.platform.until(1)
        await again.until_states("j-call-Bob", "done")


async def test_what_may_have_been_sent_is_not_sent_again(database_address: DatabaseAddress) -> None:
    async with process(database_address, platform=KeyedPlatform(arrivals=["unknown"])) as on:
        await on.add(job())
        assert await on.platform.until(1) == [
            "“call Bob”, due on Friday, 27 March 2026 at 12:00 (Europe/Berlin), may have been "
            "sent: I was interrupted, and cannot check. I do not send it again."
        ]
        assert [whom for _, whom, _ in on.platform.shown.values()] == [ADA.key]
        await on.until_states("j-call-Bob", "unknown")


async def test_many_at_once_come_each_once(database_address: DatabaseAddress) -> None:
    async with process(database_address) as on:
        number = MAX_RUNNING + 50
        for n in range(number):
            await on.jobs.add(job(f"r{n}"), of_person=number, in_place=number)
        texts = await on.platform.until(number)
        assert sorted(texts) == sorted(f"A reminder of Ada:\nr{n}" for n in range(number))
        await on.until_states(f"j-r{number - 1}", "done")


class TestRights:
    async def test_whoever_has_left_is_told_so_and_it_ends_after_three_times(
        self, database_address: DatabaseAddress
    ) -> None:
        away = KeyedPlatform(left={ADA.key})
        async with process(database_address, platform=away) as on:
            await on.add(job("daily", cron=EVERY_NOON))
            for day in range(3):
                for second in (0, 30, 60, 90):
                    await on.at(NOON + timedelta(days=day, seconds=second))
                await on.platform.until(day + 1)
            assert await on.jobs.states("j-daily") == ["refused"] * 3
            told = list(on.platform.shown.values())
            assert [whom for _, whom, _ in told] == [ADA.key] * 3
            assert "I could not check what you may do there." in told[0][2]
            assert "ended it" not in told[1][2]
            assert told[2][2].endswith("That was the third time, so I have ended it.")
            assert await on.jobs.of_person(ADA.key) == []

    async def test_a_lookup_that_fails_once_costs_nothing(
        self, database_address: DatabaseAddress
    ) -> None:
        async with process(database_address, platform=KeyedPlatform(left={ADA.key})) as on:
            await on.add(job())
            await on.idle()
            on.platform.left.clear()
            await on.at(NOON + timedelta(seconds=30))
            assert await on.platform.until(1) == ["A reminder of Ada:\ncall Bob"]

    async def test_it_is_asked_when_it_is_due_not_when_it_is_made(
        self, database_address: DatabaseAddress
    ) -> None:
        allowed = {"remind"}

        async def rules(action: str, asker: Asker) -> bool | None:
            return action in allowed

        authorize = Authorizer((), rules)
        async with process(database_address, clock=Clock(NOON - HOUR), authorize=authorize) as on:
            await on.add(job())
            allowed.clear()
            await on.at(NOON)
            (text,) = await on.platform.until(1)
            assert text.endswith("You may not use /remind here.")
            assert await on.jobs.states("j-call-Bob") == ["refused"]

    async def test_a_blocked_person_is_not_reminded(
        self, database_address: DatabaseAddress
    ) -> None:
        class Blocked:
            def admits(self, asker: Asker, action: str = "message") -> bool:
                return False

            async def refusal(
                self, asker: Asker, action: str = "message", text: str = ""
            ) -> str | None:
                return ""

        async with process(database_address, admission=Blocked()) as on:
            await on.add(job())
            await on.until_states("j-call-Bob", "refused")
            assert on.platform.texts == []

    async def test_a_place_where_nobody_may_write_is_told(
        self, database_address: DatabaseAddress
    ) -> None:
        closed = ConversationKey("test", "work", "closed")
        async with process(database_address) as on:
            await on.add(job(place=closed, kind="remind"))
            await on.until_states("j-call-Bob", "refused")

    async def test_a_forgotten_person_is_not_reminded(
        self, database_address: DatabaseAddress
    ) -> None:
        async with process(database_address, clock=Clock(NOON - HOUR)) as on:
            await on.add(job(), job("daily", cron=EVERY_NOON))
            await forget_person(on.database, ADA.key)
            await on.at(NOON)
            assert on.platform.texts == []


class TestQuestions:
    async def test_a_question_is_answered_for_its_owner(
        self, database_address: DatabaseAddress
    ) -> None:
        async with process(database_address) as on:
            await on.add(job("what is new", kind="ask"))
            (text,) = await on.platform.until(1)
            assert text == "On a schedule of Ada: what is new\nYou said: what is new"
            await on.until_states("j-what-is-new", "done")
            turns = await on.bench.store.recent(str(HERE))
            assert [turn.author for turn in turns][:1] == [ADA.key]

    async def test_one_that_a_dead_process_had_asked_is_not_asked_again(
        self, database_address: DatabaseAddress
    ) -> None:
        asked = job("what is new", kind="ask")
        async with process(database_address) as on:
            await on.add(asked)
            await on.platform.until(1)
            await on.until_states(asked.id, "done")
            await _open_again(on.database)
        async with process(database_address) as again:
            await again.until_states(asked.id, "done")
            assert again.platform.texts == []


async def _open_again(database: Database) -> None:
    """What a kill leaves between the end of an answer and the note of it."""

    def write(connection: Connection) -> None:
        connection.execute(update(occurrences).values(state="posting", ended_at=None))

    await database.write(write)


class TestKeeping:
    async def test_what_has_ended_goes_after_a_month(
        self, database_address: DatabaseAddress
    ) -> None:
        async with process(database_address) as on:
            await on.add(job(), job("daily", cron=EVERY_NOON))
            await on.until_states("j-call-Bob", "done")
            await remove_expired(on.database, None, NOON + timedelta(days=40))
            assert await on.jobs.states("j-call-Bob") == []
            assert await on.jobs.cancel("j-call-Bob") is None
            assert len(await on.jobs.of_person(ADA.key)) == 1

    async def test_only_the_owner_cancels_it(self, database_address: DatabaseAddress) -> None:
        async with process(database_address, clock=Clock(NOON - HOUR)) as on:
            await on.add(job())
            assert await on.jobs.cancel("j-call-Bob", "test:bob") is None
            assert await on.jobs.cancel("j-call-Bob", ADA.key) == job()
            await on.at(NOON)
            assert on.platform.texts == []

    async def test_a_person_and_a_place_have_so_many(
        self, database_address: DatabaseAddress
    ) -> None:
        async with process(database_address, clock=Clock(NOON - HOUR)) as on:
            assert await on.jobs.add(job("one"), of_person=1, in_place=2)
            assert not await on.jobs.add(job("two"), of_person=1, in_place=2)
            other = replace(job("three"), person="test:bob")
            assert await on.jobs.add(other, of_person=1, in_place=2)
            assert not await on.jobs.add(
                replace(job("four"), person="test:eve"), of_person=1, in_place=2
            )
            assert other.zone == BERLIN
