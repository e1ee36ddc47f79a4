"""What Discord shows to the person who asked alone, and what to everybody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.adapters.discord.inbound.presses import MAY_NOT_WRITE
from bot.commands.authorization import Authorizer
from bot.commands.checks import Asker
from bot.commands.declaration import command
from bot.skills.context import Context
from bot.skills.skill import Skill
from bot.turns.private_replies import NO_LONGER_KEPT
from bot.turns.runner import TurnLimits
from bot.types import Notice, Text
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord.running import SKILLS, Bot, running
from tests.fakes.discord.state import ALL_PERMISSIONS, CHANNEL, DM, EPHEMERAL

LONG = "\n".join(f"line {n:03} of a list that is longer than a message" for n in range(100))
SEND_MESSAGES = 1 << 11


@command("things", quick=True, private=True)
async def things(ctx: Context, what: str = "") -> Any:
    """List what there is."""
    yield Text(LONG if what == "all" else "one <@1>, two")


@command("halt", quick=True, private=True)
async def halt(ctx: Context) -> Any:
    """Stop."""
    yield Notice("Stopped.", private=True)


BENCH = {"skills": (*SKILLS, Skill("lists", commands=(things, halt)))}


@pytest.fixture
async def bot(make: Any) -> AsyncIterator[Bot]:
    async with running(make(bench=BENCH)) as started:
        yield started


def private(fake: FakeDiscord) -> str:
    """What the person alone was told, once it is complete."""
    told = "\n".join(m["content"] for m in fake.from_bot(private=True))
    return "" if "⏳" in told else told


async def answered(fake: FakeDiscord, text: str) -> list[str]:
    """What everybody is shown, once it is complete."""

    def shown() -> list[str]:
        return [m["content"] for m in fake.from_bot(CHANNEL)]

    await fake.until(lambda: text in str(shown()) and "⏳" not in str(shown()) and all(shown()))
    return shown()


async def share(fake: FakeDiscord) -> None:
    await fake.until(lambda: any(map(fake.buttons, fake.from_bot(private=True))), "a button")
    await fake.press("Share")


def deferrals(fake: FakeDiscord) -> list[int]:
    return [(c.body.get("data") or {}).get("flags", 0) for c in fake.rest.callbacks.values()]


class TestPrivate:
    async def test_a_list_was_shown_to_everybody(self, bot: Bot, fake: FakeDiscord) -> None:
        await fake.command("things")
        await fake.until(lambda: "one" in private(fake), "told")
        assert deferrals(fake) == [EPHEMERAL], "others do not even see the bot think"
        assert fake.from_bot() == []
        await fake.until(lambda: fake.buttons(fake.from_bot(private=True)[0]) == ["Share"])

    async def test_of_a_long_one_every_page(self, bot: Bot, fake: FakeDiscord) -> None:
        await fake.command("things", {"what": "all"})
        await fake.until(lambda: "line 099" in private(fake), "told")
        assert len(fake.from_bot(private=True)) > 1
        assert fake.from_bot() == []

    async def test_one_word_takes_the_place_of_the_placeholder(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        await fake.command("halt")
        await fake.until(lambda: "Stopped." in private(fake), "told")
        assert [m["content"] for m in fake.from_bot(private=True)] == ["Stopped."]

    async def test_in_a_direct_message_it_is_simply_shown(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        await fake.command("things", channel=DM)
        await fake.until(lambda: "one" in str(fake.from_bot(DM)), "told")
        assert deferrals(fake) == [0]
        assert fake.buttons(fake.from_bot(DM)[0]) == []

    async def test_where_discord_does_not_take_it_it_comes_in_a_direct_message(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        fake.fail_next("POST", "/callback$", 404, code=10062)
        await fake.command("things")
        await fake.until(lambda: "one" in str(fake.from_bot(DM)), "told")
        assert fake.from_bot(CHANNEL) == []


class TestRefused:
    """The deferral of a public command is public; what it is refused is not."""

    async def check(self, fake: FakeDiscord, words: str) -> None:
        await fake.until(lambda: words in private(fake), words)
        await fake.until(lambda: not fake.from_bot(), "the placeholder is gone")

    @pytest.mark.parametrize(
        ("name", "options", "words"),
        [
            ("paint", {"what": "x\x00y"}, "control characters"),
            ("paint", {"what": "x", "times": 7}, "times must be at most 3"),
            ("pant", {"what": "x"}, "no longer there"),
        ],
    )
    async def test_a_mistake_was_shown_to_everybody(
        self, bot: Bot, fake: FakeDiscord, name: str, options: Any, words: str
    ) -> None:
        await fake.command(name, options)
        await self.check(fake, words)

    async def test_so_was_who_is_denied(self, make: Any, fake: FakeDiscord) -> None:
        async def nobody(action: str, asker: Asker) -> bool | None:
            return False

        async with running(make(bench={**BENCH, "authorize": Authorizer((), nobody)})):
            await fake.command("paint", {"what": "x"})
            await self.check(fake, "You may not use /paint here")

    async def test_so_was_who_asks_too_much(self, make: Any, fake: FakeDiscord) -> None:
        async with running(make(bench={**BENCH, "limits": TurnLimits(per_person=0)})):
            await fake.command("paint", {"what": "x"})
            await self.check(fake, "questions open")


class TestHeading:
    async def test_it_shows_no_markup_and_names_nobody(self, bot: Bot, fake: FakeDiscord) -> None:
        what = "**loud** <@1> @everyone [a](https://evil.example) # x\n-# y"
        await fake.command("paint", {"what": what})
        line = (await answered(fake, "1 times"))[0].split("\n")[0]
        assert line.startswith(r"-# ada asked: /paint \*\*loud\*\* ")
        assert r"\[a](https://evil.example)" in line
        for active in ("<@1>", "@everyone", "**"):
            assert active not in line

    async def test_a_long_answer_has_it_once_and_no_page_more(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        await fake.command("paint", {"what": "word " * 600})
        pages = await answered(fake, "1 times")
        assert [("asked:" in page) for page in pages] == [True, False]


class TestShare:
    async def test_everybody_sees_it_with_who_shared_it(self, bot: Bot, fake: FakeDiscord) -> None:
        await fake.command("things")
        await share(fake)
        await fake.until(lambda: fake.from_bot(CHANNEL), "shared")
        (shown,) = fake.from_bot(CHANNEL)
        heading, text = shown["content"].split("\n")
        assert heading == "-# ada shared:"
        assert text.replace("\u200b", "") == "one <@1>, two"
        assert "<@1>" not in text
        await fake.press("Share")
        await fake.until(lambda: NO_LONGER_KEPT in private(fake), "once")

    async def test_who_may_not_write_here_may_not_share_here(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        fake.world.people_permissions = ALL_PERMISSIONS & ~SEND_MESSAGES
        await fake.command("things")
        await share(fake)
        await fake.until(lambda: MAY_NOT_WRITE in private(fake), "refused")
        assert fake.from_bot(CHANNEL) == []

    async def test_after_a_restart_it_says_why_not(self, make: Any, fake: FakeDiscord) -> None:
        async with running(make(bench=BENCH)):
            await fake.command("things")
            await fake.until(lambda: any(map(fake.buttons, fake.from_bot(private=True))), "told")
        async with running(make(bench=BENCH)):
            await share(fake)
            await fake.until(lambda: NO_LONGER_KEPT in private(fake), "told why")
        assert fake.from_bot(CHANNEL) == []
