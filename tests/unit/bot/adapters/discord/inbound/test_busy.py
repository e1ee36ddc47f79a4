"""When there are too many events, people are told instead of being left alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from bot.adapters.background_tasks import BUSY
from bot.skills.skill import Skill
from tests.fakes.core import MemoryReplies
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord.running import SKILLS, Bot, running
from tests.fakes.discord.state import CHANNEL, DM, EVE
from tests.unit.bot.adapters.discord.inbound.test_form_recovery import hand, hand_in, kept
from tests.unit.bot.adapters.discord.inbound.test_messages import asked, finished


@pytest.fixture
async def full(make: Any, fake: FakeDiscord) -> AsyncIterator[Bot]:
    """A bot that has no room for one more event."""
    bot: Bot = make()
    bot.adapter.max_tasks = 0
    async with running(bot):
        yield bot
        await asyncio.sleep(0.1)
        assert asked(bot) == []


def refusals(fake: FakeDiscord, channel: int | None = None) -> list[Any]:
    shown = [*fake.from_bot(channel), *fake.from_bot(channel, private=True)]
    return [message for message in shown if BUSY in message["content"]]


async def test_a_question_is_refused_once_for_each_person(full: Bot, fake: FakeDiscord) -> None:
    question = await fake.say("hello", mention=True)
    for _ in range(3):
        await fake.say("are you there?", mention=True)
    await fake.say("and me?", mention=True, author=EVE)
    await fake.say("hello", channel=DM)
    await fake.until(lambda: len(refusals(fake)) == 3)
    await asyncio.sleep(0.1)
    first, second = refusals(fake, CHANNEL)
    assert first["message_reference"]["message_id"] == question
    assert second["message_reference"]["message_id"] != question
    assert len(refusals(fake, DM)) == 1


async def test_what_is_not_for_the_bot_is_not_refused(full: Bot, fake: FakeDiscord) -> None:
    await fake.say("hello everybody")
    await fake.say("hello", mention=True)
    await fake.until(lambda: refusals(fake))
    await asyncio.sleep(0.1)
    assert len(refusals(fake)) == 1


async def test_a_follow_up_in_a_thread_of_the_bot_is_refused(make: Any, fake: FakeDiscord) -> None:
    settings = {"message_content": True}
    async with running(make(settings=settings)):
        thread = await fake.say("one", mention=True)
        await fake.until(lambda: finished(fake, thread))
    bot = make(settings=settings)
    bot.adapter.max_tasks = 0
    async with running(bot):
        await fake.say("two", channel=thread)
        await fake.until(lambda: refusals(fake, thread))


async def test_a_command_is_refused_and_not_left_thinking(full: Bot, fake: FakeDiscord) -> None:
    await fake.command("paint", {"what": "a house"})
    await fake.command("paint", {"what": "a tree"})
    await fake.until(lambda: len(refusals(fake)) == 2)
    assert fake.from_bot() == [], "neither is there anything that thinks"


async def test_what_was_typed_into_a_form_is_given_back(make: Any, fake: FakeDiscord) -> None:
    bot = make(bench={"skills": (*SKILLS, Skill("desk", commands=(hand,)))})
    bot.adapter.max_tasks = 0
    async with running(bot):
        await hand_in(fake, "taken", "a house by the sea")
        await fake.until(lambda: kept(fake))
        assert "a house by the sea" in str(kept(fake))
        assert refusals(fake)


async def test_a_button_is_refused(make: Any, fake: FakeDiscord) -> None:
    async with running(make()) as bot:
        await fake.say("hello", channel=DM)
        await fake.until(lambda: finished(fake, DM))
    second = make(bench={"store": bot.bench.store})
    for reply in cast(MemoryReplies, bot.bench.core.replies).saved.values():
        await second.bench.core.replies.save(reply)
    second.adapter.max_tasks = 0
    async with running(second):
        await fake.press("Regenerate")
        await fake.until(lambda: refusals(fake))
