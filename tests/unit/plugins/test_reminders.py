"""`/remind`, `/schedule` and `/timezone` as people write them, and the tools of a model."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backends.scripted.script import Reply, ScriptedCall
from bot.events import ActionCall
from bot.schedules.job import Job
from bot.testing import Parlance, running_skills
from bot.types import Author, ConversationKey
from tests.fakes.announcing import KeyedPlatform

ANN = "test:ann"
SHOWN_TIME = re.compile(r"[A-Z][a-z]+day, \d{1,2} [A-Z][a-z]+ 20\d\d at \d\d:\d\d \(([\w/]+)\)")


@asynccontextmanager
async def planning(folder: Path, **more: Any) -> AsyncIterator[tuple[Parlance, KeyedPlatform]]:
    platform = KeyedPlatform()
    async with running_skills(folder=folder, **more) as core:
        with core.core.connect(platform):
            yield core, platform


async def jobs_of(core: Parlance, person: str = ANN) -> list[Job]:
    assert core.services.schedules is not None
    return list(await core.services.schedules.jobs.of_person(person))


async def test_a_reminder_is_made_shown_listed_and_cancelled(tmp_path: Path) -> None:
    async with planning(tmp_path) as (core, _):
        made = await core.say("/remind me tomorrow at 9 to call Bob")
        assert made.text.startswith("I will remind you: call Bob\nOn ")
        assert SHOWN_TIME.search(made.text)
        (job,) = await jobs_of(core)
        assert (job.text, job.private, job.cron) == ("call Bob", True, "")
        assert job.next_at is not None
        assert job.next_at.hour == 9
        listed = await core.say("/schedule list")
        assert job.id in listed.text
        assert "call Bob" in listed.text
        assert await core.complete("schedule", "what") == [job.id]
        assert "You have no reminders" in (await core.say("/schedule", user="bob")).text
        assert (
            "nothing of that name"
            in (await core.say(f"/schedule cancel {job.id}", user="bob")).text
        )
        assert (await core.say(f"/schedule cancel {job.id}")).text == "Cancelled: call Bob"
        assert await jobs_of(core) == []


async def test_an_admin_cancels_what_is_of_others(tmp_path: Path) -> None:
    async with planning(tmp_path) as (core, _):
        await core.say("/remind here every Friday at 17:00 to go home")
        (job,) = await jobs_of(core)
        await core.say(f"/schedule cancel {job.id}", user="root", admin=True)
        assert await jobs_of(core) == []


async def test_what_comes_again_shows_the_next_three_times(tmp_path: Path) -> None:
    async with planning(tmp_path) as (core, _):
        made = await core.say("/remind us every weekday at 9: stand-up")
        assert len(SHOWN_TIME.findall(made.text)) == 3
        (job,) = await jobs_of(core)
        assert (job.private, job.cron, job.text) == (False, "0 9 * * 1-5", "stand-up")


async def test_a_schedule_asks_here(tmp_path: Path) -> None:
    async with planning(tmp_path) as (core, _):
        made = await core.say("/schedule add every Friday at 17:00 what is new this week?")
        assert made.text.startswith("I will answer this here: what is new this week?")
        (job,) = await jobs_of(core)
        assert (job.kind, job.private, job.cron) == ("ask", False, "0 17 * * 5")


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("/remind buy milk", "I do not understand when."),
        ("/remind me tomorrow at 9", "Say what it is about, too"),
        ("/remind me 1 January 1999 at 10 to buy milk", "That time is over"),
        ("/remind me " + "x" * 1400 + " tomorrow", "That is too long"),
        ("/remind #nowhere tomorrow to buy milk", "I know no channel #nowhere"),
        ("/remind #secret tomorrow to buy milk", "You are not in that channel"),
        ("/remind #closed tomorrow to buy milk", "I may not write in this channel."),
        ("/remind here every 5 minutes to buy milk", "at most every 15 minutes"),
        ("/remind me */2 * * * * drink", "at most every 15 minutes"),
        ("/schedule add every hour /forget confirm=yes", "I run no commands by myself"),
        ("/schedule add me every hour what is new?", "Plan that in a direct message"),
        ("/schedule add", "Say when and what"),
        ("/schedule cancel", "Name the one to cancel"),
        ("/schedule cancel abc", "nothing of that name"),
        ("/timezone Europe/Berlim", "Did you mean Europe/Berlin?"),
        ("/timezone ../../etc/passwd", "There is no such time zone"),
    ],
)
async def test_what_cannot_be_is_said(said: str, answer: str, tmp_path: Path) -> None:
    async with planning(tmp_path) as (core, platform):
        assert answer in (await core.say(said)).text
        assert await jobs_of(core) == []
        assert platform.texts == []


async def test_another_channel_needs_the_rights_there(tmp_path: Path) -> None:
    async with planning(tmp_path) as (core, _):
        await core.say("/remind #ops tomorrow at 10 that the deploy starts")
        (job,) = await jobs_of(core)
        assert (job.place.channel, job.text, job.private) == ("ops", "the deploy starts", False)
        await core.say("/settings set command.remind admins workspace", admin=True)
        refused = await core.say("/remind #ops tomorrow at 10 that it starts")
        assert refused.state == "refused"
        assert len(await jobs_of(core)) == 1


async def test_where_nobody_can_check_who_somebody_is_nothing_is_made(tmp_path: Path) -> None:
    async with planning(tmp_path) as (core, platform):
        platform.left.add(ANN)
        said = await core.say("/remind me tomorrow to buy milk")
        assert "I cannot check here who you are" in said.text


async def test_times_are_read_in_a_persons_own_zone(tmp_path: Path) -> None:
    async with planning(tmp_path) as (core, platform):
        platform.zones["test:bob"] = "Asia/Tokyo"
        assert "Asia/Tokyo" in (await core.say("/timezone", user="bob")).text
        assert "Etc/UTC" in (await core.say("/timezone")).text
        assert "America/New_York now" in (await core.say("/timezone new york")).text
        made = await core.say("/remind me tomorrow at 9 to buy milk", channel="other")
        assert SHOWN_TIME.findall(made.text) == ["America/New_York"]
        (job,) = await jobs_of(core)
        assert job.next_at is not None
        assert job.next_at.astimezone(UTC).hour in {13, 14}
        await core.say("/forget confirm=yes")
        assert "Etc/UTC" in (await core.say("/timezone")).text
        assert await jobs_of(core) == []


async def test_there_is_an_end_to_what_one_person_has(tmp_path: Path) -> None:
    async with planning(tmp_path) as (core, _):
        assert core.services.schedules is not None
        soon = datetime.now(UTC) + timedelta(days=1)
        await core.say("/remind me tomorrow to buy milk")
        (one,) = await jobs_of(core)
        for number in range(49):
            more = Job(
                **{
                    **{name: getattr(one, name) for name in Job.__dataclass_fields__},
                    "id": f"j{number}",
                    "next_at": soon,
                }
            )
            await core.services.schedules.jobs.add(more, of_person=50, in_place=100)
        assert "too many" in (await core.say("/remind me tomorrow to buy milk")).text


class TestTools:
    async def test_what_a_model_plans_is_shown_by_the_core(self, tmp_path: Path) -> None:
        call = ScriptedCall(name="remind", arguments={"text": "call Bob", "when": "tomorrow at 9"})
        replies = [Reply("", tool_calls=(call,)), Reply("All done.")]
        async with planning(tmp_path, replies=replies) as (core, _):
            said = await core.say("/agent remind me tomorrow at 9 to call Bob")
            assert any("I will remind you: call Bob" in one for one in said.notices)
            (job,) = await jobs_of(core)
            assert (job.text, job.private) == ("call Bob", True)

    async def test_a_digest_reads_the_channel(self, tmp_path: Path) -> None:
        async with planning(tmp_path) as (core, platform):
            await core.say("/schedule add every Friday at 17:00 summarize this channel")
            (asked,) = await jobs_of(core)
            running = asyncio.create_task(core.core.run_jobs())
            try:
                await _make_due(core, asked)
                await platform.until(1)
            finally:
                running.cancel()
                await asyncio.wait([running])
            assert "said in general" in core.model.requests[-1].messages[-1].content

    async def test_on_a_schedule_an_act_asks_its_creator(self, tmp_path: Path) -> None:
        """Also what stands in the words of the schedule: nobody looks on when it is due."""
        call = ScriptedCall(name="remind", arguments={"text": "pay Eve", "when": "tomorrow at 9"})
        replies = [Reply("", tool_calls=(call,)), Reply("You will be reminded.")]
        async with planning(tmp_path, replies=replies) as (core, platform):
            await core.say("/schedule add every Friday at 17:00 remind me to pay Eve tomorrow at 9")
            (asked,) = await jobs_of(core)
            running = asyncio.create_task(core.core.run_jobs())
            try:
                await _make_due(core, asked)
                (text,) = await platform.until(1)
            finally:
                running.cancel()
                await asyncio.wait([running])
            assert text.startswith("On a schedule of Ann: ")
            assert "**remind** would change something:" in text
            assert len(await jobs_of(core)) == 1
            view = platform.turns[-1].view
            assert [one.value for one in view.actions] == ["approve", "refuse"]
            place = ConversationKey("test", "workspace", "general")
            for user, then in (("bob", 1), ("ann", 2)):
                author = Author("test", user, user.title())
                press = ActionCall(f"p-{user}", place, author, "resume", view.turn, "approve")
                pressed = await core.send(press)
                assert len(await jobs_of(core)) == then
            assert "You will be reminded." in pressed.text


async def _make_due(core: Parlance, job: Job) -> None:
    """Let the time of a job come."""
    assert core.services.schedules is not None
    jobs = core.services.schedules.jobs
    await jobs.cancel(job.id)
    now = datetime.now(UTC).replace(microsecond=0)
    await jobs.add(replace(job, next_at=now), of_person=9, in_place=9)
