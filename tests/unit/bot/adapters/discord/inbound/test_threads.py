"""A thread is opened for an answer, not for a refusal, and its first answer says how to go on."""

from __future__ import annotations

from typing import Any

import discord
import pytest

from bot.turns.runner import TurnLimits
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord.running import Bot, running
from tests.fakes.discord.state import ALL_PERMISSIONS, CHANNEL, DM, EVE, GUILD
from tests.unit.bot.adapters.discord.inbound.test_messages import finished, place

GO_ON = "-# In this thread, mention me or reply to me to go on."


async def test_who_has_too_many_questions_open_gets_no_thread(make: Any, fake: FakeDiscord) -> None:
    async with running(make(bench={"limits": TurnLimits(per_person=0)})):
        question = await fake.say("What is a lighthouse?", mention=True)
        (refusal,) = await fake.until(lambda: fake.from_bot())
        assert "questions open" in refusal["content"]
        assert refusal["message_reference"]["message_id"] == question
        assert not fake.threads()


async def test_where_it_may_open_none_it_does_not_try(make: Any, fake: FakeDiscord) -> None:
    right = discord.Permissions(create_public_threads=True).value
    fake.world.bot_permissions = fake.world.people_permissions = ALL_PERMISSIONS & ~right & ~8
    async with running(make()) as bot:
        await fake.say("hello", mention=True)
        await fake.until(lambda: finished(fake, CHANNEL))
        keys = {str(t.conversation) for t in bot.bench.store.turns.values()}
    assert keys == {f"discord:{GUILD}:{CHANNEL}"}
    assert not fake.requests("POST", "/threads$")


async def test_the_thread_is_archived_as_the_channel_says(bot: Bot, fake: FakeDiscord) -> None:
    await fake.say("hello", mention=True)
    await fake.until(lambda: finished(fake))
    (call,) = fake.requests("POST", "/threads$")
    assert call.body["auto_archive_duration"] == 1440


class TestTyping:
    async def test_it_types_where_it_answers(self, make: Any, fake: FakeDiscord) -> None:
        async with running(make(bench={"policy": place(thread_per_mention=False)})):
            await fake.say("hello", channel=DM)
            await fake.until(lambda: finished(fake, DM))
            await fake.say("hello", mention=True)
            await fake.until(lambda: finished(fake, CHANNEL))
        assert fake.rest.typing == [DM, CHANNEL]

    async def test_in_the_channel_of_a_question_it_typed_while_the_answer_was_in_a_thread(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        thread = await fake.say("hello", mention=True)
        await fake.until(lambda: finished(fake, thread))
        await fake.say("and now?", mention=True, channel=thread)
        await fake.until(lambda: len(finished(fake, thread)) == 2)
        assert fake.rest.typing == [thread]


class TestHowToGoOn:
    async def test_without_the_intent_the_first_answer_of_a_thread_says_it_once(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        thread = await fake.say("hello", mention=True)
        await fake.until(lambda: finished(fake, thread))
        await fake.say("and now?", mention=True, channel=thread)
        first, second = await fake.until(lambda: len(f := finished(fake, thread)) == 2 and f)
        assert first["content"].endswith(GO_ON)
        assert GO_ON not in second["content"]

    async def test_in_a_thread_of_others_it_says_it_too(self, bot: Bot, fake: FakeDiscord) -> None:
        root = await fake.say("ours", author=EVE)
        thread = fake.world.add_thread(root, "ours")
        thread["owner_id"] = str(EVE)
        await fake.gateway.dispatch("THREAD_CREATE", thread)
        await fake.say("hello", channel=root, mention=True)
        (answer,) = await fake.until(lambda: finished(fake, root))
        assert answer["content"].endswith(GO_ON)

    @pytest.mark.parametrize("follow_up", [True, False])
    async def test_with_the_intent_only_where_follow_ups_are_off(
        self, make: Any, fake: FakeDiscord, follow_up: bool
    ) -> None:
        options = {
            "settings": {"message_content": True},
            "bench": {"policy": place(follow_up=follow_up)},
        }
        async with running(make(**options)):
            await fake.say("hello", mention=True)
            (answer,) = await fake.until(lambda: finished(fake))
        assert (GO_ON in answer["content"]) is not follow_up

    async def test_where_no_thread_can_be_opened_nothing_is_said_of_one(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        fake.fail_next("POST", "/threads$", 403, code=50013)
        await fake.say("hello", mention=True)
        (answer,) = await fake.until(lambda: finished(fake, CHANNEL))
        assert GO_ON not in answer["content"]
