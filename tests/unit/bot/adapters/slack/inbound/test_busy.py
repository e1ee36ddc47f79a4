"""When there are too many events, people are told instead of being left alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from bot.adapters.background_tasks import BUSY
from tests.fakes.core import MemoryReplies
from tests.fakes.slack.acting import CHANNEL, DIRECT, EVE, Acting
from tests.fakes.slack.running import Bot, running


@pytest.fixture
async def full(make: Any) -> AsyncIterator[Bot]:
    """A bot that has no room for one more event."""
    bot: Bot = make()
    bot.adapter.max_tasks = 0
    async with running(bot):
        yield bot
        await asyncio.sleep(0.1)
        assert bot.asked() == []


def refusals(people: Acting, channel: str | None = None) -> list[str]:
    shown = [*people.private(), *people.public(channel)]
    return [said for said in shown if BUSY in said]


async def test_a_question_is_refused_once_for_each_person_in_private(
    full: Bot, people: Acting
) -> None:
    for _ in range(4):
        await people.say("are you there?", mention=True)
    await people.say("and me?", by=EVE, mention=True)
    await people.fake.until(lambda: len(refusals(people)) == 2)
    await asyncio.sleep(0.1)
    assert len(refusals(people)) == 2
    assert people.public(CHANNEL) == []


async def test_a_direct_question_is_refused_where_it_was_asked(full: Bot, people: Acting) -> None:
    await people.say("hello", channel=DIRECT)
    await people.fake.until(lambda: refusals(people, DIRECT))


async def test_what_is_not_for_the_bot_is_not_refused(full: Bot, people: Acting) -> None:
    first = await people.say("hello everybody")
    await people.say("yes?", thread=first)
    await people.say("hello", mention=True)
    await people.fake.until(lambda: refusals(people))
    await asyncio.sleep(0.1)
    assert len(refusals(people)) == 1


async def test_a_follow_up_in_a_thread_of_the_bot_is_refused(make: Any, people: Acting) -> None:
    async with running(make()) as bot:
        thread = await people.say("one", mention=True)
        await people.fake.until(lambda: people.answers(CHANNEL))
    second = make(bench={"store": bot.bench.store})
    for reply in cast(MemoryReplies, bot.bench.core.replies).saved.values():
        await second.bench.core.replies.save(reply)
    second.adapter.max_tasks = 0
    async with running(second):
        await people.say("two", thread=thread)
        await people.fake.until(lambda: refusals(people))


async def test_a_command_is_refused(full: Bot, people: Acting) -> None:
    await people.slash("paint", "a house")
    await people.fake.until(lambda: refusals(people))


async def test_a_menu_is_refused(full: Bot, people: Acting) -> None:
    ts = people.write("Something to note.")
    await people.menu("parlance:menu:note", ts)
    await people.fake.until(lambda: refusals(people))


async def test_what_was_typed_into_a_form_is_given_back(make: Any, people: Acting) -> None:
    async with running(make()):
        await people.slash("paint")
        await people.fake.until(lambda: people.fake.workspace.views)
    bot = make()
    bot.adapter.max_tasks = 0
    async with running(bot):
        assert not await people.submit({"what": "a house by the sea"})
        await people.fake.until(lambda: refusals(people))
        (said,) = refusals(people)
        assert "what:\na house by the sea" in said


async def test_a_button_is_refused(make: Any, people: Acting) -> None:
    async with running(make()) as bot:
        await people.say("hello", channel=DIRECT)
        await people.fake.until(lambda: people.answers(DIRECT))
    second = make(bench={"store": bot.bench.store})
    second.adapter.max_tasks = 0
    async with running(second):
        await people.press("Regenerate", channel=DIRECT)
        await people.fake.until(lambda: refusals(people))
