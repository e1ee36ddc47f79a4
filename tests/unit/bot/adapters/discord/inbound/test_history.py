"""What was said before: read for who may read it, as far as Discord shows it."""

from __future__ import annotations

from typing import Any

import discord

from tests.fakes.discord import FakeDiscord
from tests.fakes.discord.running import Bot, running
from tests.fakes.discord.state import (
    ALL_PERMISSIONS,
    BOT,
    CHANNEL,
    DM,
    EVE,
    OTHER_CHANNEL,
)

_OFF = discord.Permissions(read_message_history=True, administrator=True)
NO_HISTORY = ALL_PERMISSIONS & ~_OFF.value


def talk(fake: FakeDiscord, *texts: str, channel: int = CHANNEL) -> int:
    """Eve talked before; returns the id of the first message."""
    numbers = [int(fake.world.add_message(channel, EVE, text)["id"]) for text in texts]
    return numbers[0]


async def answered(fake: FakeDiscord, text: str, channel: int = CHANNEL) -> None:
    await fake.until(lambda: text in str(fake.from_bot(channel)), text)


async def refused(fake: FakeDiscord, text: str) -> None:
    await fake.until(lambda: text in str(fake.from_bot(private=True)), text)
    assert fake.from_bot(CHANNEL) == []


class TestLast:
    async def test_the_messages_before_a_command_oldest_first(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        talk(fake, "one", "two", "three", "four")
        talk(fake, "elsewhere", channel=OTHER_CHANNEL)
        await fake.command("recap", {"last": 3})
        await answered(fake, "eve: two | eve: three | eve: four")

    async def test_other_bots_and_discord_itself_are_left_out_and_we_are_not(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        robot = fake.world.add_user(77, "robot")
        fake.world.users[robot]["bot"] = True
        talk(fake, "hello")
        fake.world.add_message(CHANNEL, robot, "beep")
        fake.world.add_message(CHANNEL, EVE, "pinned something", type=6)
        fake.world.add_message(CHANNEL, EVE, "hooked", webhook_id="5")
        fake.world.add_message(CHANNEL, BOT, "A lamp is a light.\n-# [1] Lamps")
        fake.world.add_message(CHANNEL, BOT, "a new thread", type=18)
        sticker = {"id": "9", "name": "wave", "format_type": 1}
        fake.world.add_message(CHANNEL, EVE, "", sticker_items=[sticker])
        await fake.command("recap", {"last": 9})
        await answered(fake, "eve: hello | parlance: A lamp is a light.")

    async def test_a_hundred_and_more_are_read_in_pages(self, bot: Bot, fake: FakeDiscord) -> None:
        talk(fake, *(f"m{n}" for n in range(130)))
        await fake.command("recap", {"last": 120})
        await answered(fake, "eve: m10 | eve: m11")
        assert "m9 " not in str(fake.from_bot(CHANNEL))
        pages = fake.requests("GET", f"/channels/{CHANNEL}/messages$")
        assert [page.query["limit"] for page in pages] == ["100", "100"]

    async def test_in_a_direct_message(self, bot: Bot, fake: FakeDiscord) -> None:
        talk(fake, "between us", channel=DM)
        await fake.command("recap", channel=DM)
        await answered(fake, "eve: between us", DM)

    async def test_a_mention_in_a_thread_reads_the_thread(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        talk(fake, "in the channel")
        thread = await fake.say("hello", mention=True)
        await answered(fake, "hello", thread)
        talk(fake, "in the thread", channel=thread)
        await fake.say("recap", mention=True, channel=thread)
        await answered(fake, "eve: in the thread", thread)
        assert "in the channel" not in str(fake.from_bot(thread))

    async def test_a_mention_that_opens_a_thread_reads_the_channel(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        talk(fake, "in the channel")
        thread = await fake.say("recap", mention=True)
        await answered(fake, "eve: in the channel", thread)

    async def test_regenerate_reads_the_same_once_more(self, bot: Bot, fake: FakeDiscord) -> None:
        talk(fake, "in the channel")
        await fake.command("recap", {"last": 1})
        await fake.until(lambda: "Regenerate" in str(fake.from_bot(CHANNEL)), "an answer")
        first = fake.from_bot()[-1]
        fake.world.add_message(CHANNEL, EVE, "later")
        await fake.press("Regenerate")
        await fake.until(lambda: fake.from_bot()[-1]["id"] != first["id"])
        await fake.until(lambda: "eve: in the channel" in str(fake.from_bot()[-1]))

    async def test_regenerate_in_the_thread_of_a_question_reads_what_stood_before_the_question(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        talk(fake, "in the channel")
        thread = await fake.say("recap", mention=True)
        await answered(fake, "eve: in the channel", thread)
        await fake.until(lambda: "Regenerate" in fake.buttons(fake.from_bot(thread)[-1]))
        first = fake.from_bot(thread)[-1]
        await fake.press("Regenerate")
        await fake.until(lambda: fake.from_bot(thread)[-1]["id"] != first["id"])
        await fake.until(lambda: "eve: in the channel" in str(fake.from_bot(thread)[-1]))


class TestThreadsOfMessages:
    async def test_the_menu_reads_the_thread_with_its_first_message(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        root = talk(fake, "shall we?", "something else")
        fake.world.add_thread(root, "shall we?")
        first = fake.world.messages[root]
        fake.world.add_message(root, EVE, "", type=21, referenced_message=first)
        talk(fake, "yes", channel=root)
        await fake.command("Recap", target=root)
        await answered(fake, "eve: shall we? | eve: yes")

    async def test_a_message_without_a_thread_has_none(self, bot: Bot, fake: FakeDiscord) -> None:
        await fake.command("Recap", target=talk(fake, "alone"))
        await answered(fake, "there is nothing to read")


class TestNotAllowed:
    async def test_who_may_not_read_is_not_read_to(self, bot: Bot, fake: FakeDiscord) -> None:
        talk(fake, "secret")
        await fake.command("recap", user=EVE, may=NO_HISTORY)
        await refused(fake, "You may not read the earlier messages here")
        assert "secret" not in str(fake.from_bot())
        assert not fake.requests("GET", "/messages$")

    async def test_nor_where_they_mention_the_bot(self, make: Any, fake: FakeDiscord) -> None:
        fake.world.people_permissions = NO_HISTORY
        talk(fake, "secret")
        async with running(make()):
            await fake.say("recap", mention=True, author=EVE)
            await answered(fake, "You may not read the earlier messages here", CHANNEL)
            assert not fake.threads()

    async def test_the_menu_of_a_thread_neither(self, bot: Bot, fake: FakeDiscord) -> None:
        root = talk(fake, "shall we?")
        fake.world.add_thread(root, "shall we?")
        await fake.command("Recap", target=root, user=EVE, may=NO_HISTORY)
        await refused(fake, "You may not read the earlier messages here")

    async def test_where_we_may_not_read_the_right_to_give_is_named(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        fake.fail_next("GET", "/messages$", 403, code=50001)
        await fake.command("recap")
        await refused(fake, "View Channels and Read Message History")

    async def test_without_the_message_content_intent_the_switch_is_named(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        fake.rest.flags = 0
        talk(fake, "what nobody shows us")
        await fake.command("recap")
        await refused(fake, "an operator can switch it on (Message Content Intent)")

    async def test_what_is_said_to_us_is_read_without_the_intent(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        fake.rest.flags = 0
        us = {"mentions": [fake.world.users[BOT]]}
        fake.world.add_message(CHANNEL, EVE, f"<@{BOT}> hello", **us)
        await fake.command("recap")
        await answered(fake, "eve: hello")

    async def test_a_platform_that_is_down_says_so(self, bot: Bot, fake: FakeDiscord) -> None:
        fake.fail_next("GET", "/messages$", 503)
        await fake.command("recap")
        await refused(fake, "does not hand the earlier messages out")
