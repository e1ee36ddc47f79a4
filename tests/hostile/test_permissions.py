"""Nobody sees another's documents, and nobody's are shown before other people's eyes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.discord.server import FakeDiscord
from tests.fakes.discord.state import ADA, DM, EVE, GROUP_DM, Json
from tests.fakes.slack.acting import ADA as SLACK_ADA
from tests.fakes.slack.acting import DIRECT, Acting
from tests.fakes.slack.acting import EVE as SLACK_EVE
from tests.hostile import permissions
from tests.hostile.permissions import (
    BUTTONS,
    DISCORD_COMPLETIONS,
    DISCORD_PLACES,
    DISCORD_WAYS,
    DISCORD_WRITES,
    QUESTION,
    SECRET,
    SLACK_PLACES,
    SLACK_WAYS,
    TEXT,
    TITLE,
)
from tests.scenarios.harness import House
from tests.scenarios.on_discord import DiscordDriver
from tests.scenarios.on_slack import SlackDriver


class Watched:
    """A house of which everything is kept that it says to a platform, and to its model."""

    def __init__(self, house: House, calls: list[Any]) -> None:
        self.house = house
        self._calls = calls
        self._from = 0, 0

    def look_away(self) -> None:
        """Forget what was said so far."""
        self._from = len(self._calls), len(self.house.model.requests)

    @property
    def told(self) -> str:
        """What was said to the platform since, in whatever field."""
        calls = self._calls[self._from[0] :]
        return json.dumps(
            [getattr(c, "body", None) or dict(getattr(c, "arguments", {})) for c in calls]
        )

    @property
    def prompted(self) -> str:
        """What the model was given since."""
        requests = list(self.house.model.requests)[self._from[1] :]
        return "\n".join(m.content for request in requests for m in request.messages)

    @property
    def prompts(self) -> int:
        """How often the model was asked."""
        return len(self.house.model.requests)

    def asked_since(self, before: int) -> bool:
        """Whether the model was asked more often than that."""
        return self.prompts > before

    def leaks(self) -> list[str]:
        """Which parts of the secret were told or given to the model."""
        said = self.told + self.prompted
        return [part for part in (SECRET, TITLE) if part in said]


class OnDiscord(Watched):
    """Ada's own documents hold the secret."""

    def __init__(self, house: House, fake: FakeDiscord) -> None:
        super().__init__(house, fake.calls)
        self.fake = fake

    def ended(self) -> int:
        """How many messages of the bot are whole."""
        every = [*self.fake.from_bot(), *self.fake.from_bot(private=True)]
        return sum(map(self._whole, every))

    def _whole(self, message: Json) -> bool:
        said = message["content"] or message["attachments"]
        return (
            bool(said)
            and "⏳" not in message["content"]
            and "Stop" not in self.fake.buttons(message)
        )

    async def answered(self, before: int, what: str) -> None:
        await self.fake.until(lambda: self.ended() > before, what)
        await self.fake.until(lambda: not self.house.is_answering(), f"the end: {what}")

    async def tries(self, way: permissions.OnDiscord, at: int, what: str) -> None:
        before = self.ended()
        await way(self.fake, at)
        await self.answered(before, what)

    async def completes(self, option: str, typed: str, at: int) -> list[str]:
        before = len(self.fake.rest.callbacks)
        await self.fake.command("docs", {option: typed}, channel=at, focused=option)
        await self.fake.until(lambda: len(self.fake.rest.callbacks) > before, "suggestions")
        call = list(self.fake.rest.callbacks.values())[-1]
        return [choice["value"] for choice in call.body["data"]["choices"]]

    async def presses(self, label: str, user: int, at: int) -> None:
        """Press the newest such button of what stands at home, as if the message stood there."""
        before = self.ended()
        there = [*self.fake.from_bot(DM), *self.fake.from_bot(DM, private=True)]
        shown = [m for m in there if label in self.fake.buttons(m)][-1]
        await self.fake.press(label, message=int(shown["id"]), user=user, channel=at)
        await self.answered(before, label)

    async def titles(self) -> list[str]:
        assert self.house.app is not None
        knowledge = self.house.app.services.knowledge
        return [f"{one.base}: {one.title}" for one in await knowledge.list()]


@pytest.fixture
async def discord(tmp_path: Path) -> AsyncIterator[OnDiscord]:
    driver = await DiscordDriver().open()
    house = House(tmp_path, driver)
    await house.start()
    watched = OnDiscord(house, driver.fake)
    given = {"action": "add", "what": TITLE, "text": TEXT}
    await watched.tries(lambda fake, at: fake.command("docs", given, channel=at), DM, "added")
    assert await watched.titles() == [f"@discord:{ADA}: {TITLE}"]
    yield watched
    await house.stop()
    await driver.close()


class TestDiscord:
    async def test_at_home_every_way_shows_it(self, discord: OnDiscord) -> None:
        for name, way in DISCORD_WAYS.items():
            discord.look_away()
            await discord.tries(way, DM, name)
            assert (name, bool(discord.leaks())) == (name, True)
        for label in BUTTONS:
            discord.look_away()
            await discord.presses(label, ADA, DM)
            assert (label, bool(discord.leaks())) == (label, True)

    @pytest.mark.parametrize("place", sorted(DISCORD_PLACES))
    async def test_before_other_eyes_none_does(self, discord: OnDiscord, place: str) -> None:
        at = DISCORD_PLACES[place]
        for name in ("chat", "ask"):
            await discord.tries(DISCORD_WAYS[name], DM, name)  # which is remembered there
        await discord.presses(BUTTONS[0], ADA, DM)
        before = await discord.titles()
        discord.look_away()
        for name, way in {**DISCORD_WAYS, **DISCORD_WRITES}.items():
            await discord.tries(way, at, name)
            assert (name, discord.leaks()) == (name, [])
            assert (name, await discord.titles()) == (name, before)
        for option, typed in DISCORD_COMPLETIONS.items():
            assert await discord.completes(option, typed, at) == []
        for label in BUTTONS:
            for user in (ADA, EVE):
                await discord.presses(label, user, at)
                assert (label, user, discord.leaks()) == (label, user, [])
        refused = len(BUTTONS) * 2
        await discord.fake.until(lambda: discord.told.count("no longer known here") == refused)
        # And the next person's prompt has nothing of it either.
        await discord.fake.command("chat", {"message": QUESTION}, channel=at, user=EVE)
        await discord.fake.until(lambda: discord.prompted.count(QUESTION) > 1, "asked")
        assert discord.leaks() == []

    async def test_elsewhere_than_at_home(self, discord: OnDiscord) -> None:
        await discord.tries(DISCORD_WAYS["ask"], DM, "an answer with buttons")
        await discord.presses(BUTTONS[0], ADA, DM)
        discord.look_away()
        eve = discord.fake.world.add_private(450, 1, EVE)
        for label in BUTTONS:  # as if Eve could have them in her own direct messages
            await discord.presses(label, EVE, eve)
            assert (label, discord.leaks()) == (label, [])
        discord.fake.world.no_context = True
        await discord.tries(DISCORD_WAYS["search"], DM, "a place that Discord does not name")
        assert discord.leaks() == []

    async def test_a_group_is_none_after_a_restart_either(self, discord: OnDiscord) -> None:
        await discord.tries(DISCORD_WAYS["ask"], GROUP_DM, "asked in a group")
        await discord.house.restart()
        discord.look_away()
        for name in ("ask", "search", "menu"):
            await discord.tries(DISCORD_WAYS[name], GROUP_DM, name)
        assert discord.leaks() == []


class OnSlack(Watched):
    """The same on Slack."""

    def __init__(self, house: House, people: Acting) -> None:
        super().__init__(house, people.fake.calls)
        self.people = people

    def ended(self) -> int:
        ours = self.people.fake.workspace.by("UBOT")
        return sum(bool(m.shown) and "⏳" not in json.dumps(m.blocks) for m in ours)

    async def tries(self, way: permissions.OnSlack, at: str, what: str) -> None:
        before = self.ended()
        await way(self.people, at)
        await self.house.until(lambda: self.ended() > before, what)
        await self.house.until(lambda: not self.house.is_answering(), f"the end: {what}")
        await asyncio.sleep(0.05)  # what says that it goes on elsewhere comes first


@pytest.fixture
async def slack(tmp_path: Path) -> AsyncIterator[OnSlack]:
    driver = await SlackDriver().open()
    driver.fake.methods.away.add(SLACK_PLACES["other people's direct messages"])
    house = House(tmp_path, driver)
    await house.start()
    watched = OnSlack(house, Acting(driver.fake))
    added = f'add "{TITLE}" text="{TEXT}"'
    await watched.tries(lambda people, at: people.slash("docs", added, channel=at), DIRECT, "added")
    yield watched
    await house.stop()
    await driver.close()


class TestSlack:
    async def test_at_home_every_way_shows_it(self, slack: OnSlack) -> None:
        for name, way in SLACK_WAYS.items():
            slack.look_away()
            await slack.tries(way, DIRECT, name)
            assert (name, bool(slack.leaks())) == (name, True)

    async def test_before_other_eyes_none_does(self, slack: OnSlack) -> None:
        slack.look_away()
        for place, at in SLACK_PLACES.items():
            for name, way in SLACK_WAYS.items():
                await slack.tries(way, at, name)
                assert (place, name, slack.leaks()) == (place, name, [])
            before = slack.prompts
            await slack.people.slash("chat", QUESTION, by=SLACK_EVE, channel=at)
            await slack.house.until(partial(slack.asked_since, before), "asked")
            assert (place, slack.leaks()) == (place, [])

    async def test_where_slack_does_not_say_it_is_not_at_home(self, slack: OnSlack) -> None:
        await slack.house.restart()  # what was found out before is gone
        slack.look_away()
        slack.people.fake.fail_next("conversations.history", status=500, times=9)
        await slack.tries(SLACK_WAYS["search"], DIRECT, "search")
        assert slack.leaks() == []

    async def test_asked_again_where_the_answer_went_it_stays_without(self, slack: OnSlack) -> None:
        """An answer that could not be written in the channel came directly, with its buttons; the
        conversation is the channel's all the same."""
        slack.people.fake.methods.away.add("C1")
        await slack.tries(SLACK_WAYS["chat"], "C1", "an answer that came directly")
        slack.look_away()
        before = slack.prompts
        await slack.people.press("Regenerate", by=SLACK_ADA, channel=SLACK_ADA, place=DIRECT)
        await slack.house.until(lambda: slack.prompts > before, "asked again")
        await slack.house.until(lambda: not slack.house.is_answering(), "the end")
        assert slack.leaks() == []
