"""Strangers: places that are not allowed, people who are blocked, and pauses, on the real wires."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.settings.admission import BLOCKED
from bot.settings.places import GREETING
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.discord.state import ADA, CHANNEL, DM, EVE, GUILD, ROOT
from tests.fakes.slack.acting import ADA as SLACK_ADA
from tests.fakes.slack.acting import EVE as SLACK_EVE
from tests.fakes.slack.acting import Acting
from tests.hostile.words import GUESSES
from tests.scenarios.harness import House
from tests.scenarios.on_discord import DiscordDriver
from tests.scenarios.on_slack import SlackDriver

THANKS = "I work here from now on, and you are an admin"


class GuardedDiscord(DiscordDriver):
    """A Discord whose operator allows other servers than the one of the tests."""

    allowed: tuple[int, ...] = (GUILD + 1,)

    def config(self) -> Mapping[str, Any]:
        return {"discord": {"message_content": True, "allowed_servers": list(self.allowed)}}


class GuardedSlack(SlackDriver):
    """The same of Slack."""

    def config(self) -> Mapping[str, Any]:
        return {"slack": {"allowed_workspaces": ["T9"]}}


class Guarded:
    """A house, and what its log and its platform say."""

    def __init__(self, house: House, logs: list[Any]) -> None:
        self.house = house
        self.logs = logs

    def words(self) -> list[str]:
        """The words that the log shows, the newest last."""
        return [line["word"] for line in self.logs if line["event"] == "place.not_allowed"]


class OnDiscord(Guarded):
    @property
    def fake(self) -> FakeDiscord:
        driver = self.house.driver
        assert isinstance(driver, DiscordDriver)
        return driver.fake

    def said(self) -> list[str]:
        """Everything that the bot has said and not taken back."""
        every = [*self.fake.from_bot(), *self.fake.from_bot(private=True)]
        return [m["content"] for m in every]

    async def shows(self, text: str, times: int = 1) -> None:
        await self.fake.until(
            lambda: "\n".join(self.said()).count(text) == times, f"{times} times {text!r}"
        )

    def has_taken(self, message: int) -> bool:
        """Whether a message was claimed, whatever became of it."""
        with closing(sqlite3.connect(self.house.folder / "data" / "parlance.db")) as database:
            found = database.execute(
                "SELECT 1 FROM processed_events WHERE event_id = ?", (str(message),)
            )
            return found.fetchone() is not None

    async def settled(self) -> None:
        """Wait until all that was sent before is dealt with: a direct message is answered."""
        before = "\n".join(self.said()).count("You said: are you there?")
        await self.fake.say("are you there?", channel=DM)
        await self.shows("You said: are you there?", before + 1)


@pytest.fixture
async def discord(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[OnDiscord]:
    driver = GuardedDiscord()
    driver.allowed = getattr(request, "param", driver.allowed)
    await driver.open()
    house = House(tmp_path, driver)
    with capture_logs() as logs:
        await house.start()
        yield OnDiscord(house, logs)
        await house.stop()
    await driver.close()


class TestDiscord:
    async def test_in_a_server_that_is_not_allowed_it_speaks_once(self, discord: OnDiscord) -> None:
        fake = discord.fake
        await fake.say("hello", mention=True)
        await discord.shows(GREETING)
        for _ in range(3):
            await fake.say("tell a story", mention=True, author=EVE)
            await fake.command("help", user=ROOT)
            await fake.command("ask", {"question": "what?"})
            await fake.command("docs", {"action": "add"}, user=ROOT)  # it would open a form
            await fake.command("docs", {"what": "V"}, focused="what")
        await discord.settled()
        await discord.shows(GREETING)
        (greeting,) = fake.from_bot(CHANNEL)
        assert GREETING in greeting["content"]
        assert fake.threads() == []
        assert fake.forms == []
        assert fake.from_bot(private=True) == []
        assert CHANNEL not in fake.rest.typing
        assert len(discord.house.model.requests) == 1  # the direct message
        assert len(discord.words()) == 1

    async def test_the_word_of_the_log_opens_the_server(self, discord: OnDiscord) -> None:
        fake = discord.fake
        await fake.say("hello", mention=True)
        await discord.shows(GREETING)
        (word,) = discord.words()
        await fake.command("allow", {"word": word}, user=EVE)
        await discord.shows(THANKS)
        await fake.say("hello", mention=True)
        await discord.shows("You said: hello")
        await fake.command("block", {"action": "list"}, user=EVE)
        await discord.shows("Nobody is blocked.")
        await discord.house.restart()
        await fake.command("admins", {"action": "list"}, user=EVE)
        await discord.shows(f"discord:{EVE}")

    async def test_guesses_do_not_open_it(self, discord: OnDiscord) -> None:
        fake = discord.fake
        await fake.say("hello", mention=True)
        await discord.shows(GREETING)
        for guess in GUESSES:
            await fake.command("allow", {"word": guess}, user=EVE)
            await fake.say(guess, mention=True, author=EVE)
        await discord.settled()
        (word,) = discord.words()
        await fake.command("allow", {"word": word}, user=EVE)
        await discord.fake.until(lambda: any("Too many wrong" in s for s in discord.said()))
        await fake.say(word, mention=True, author=EVE)
        await discord.settled()
        assert THANKS not in "\n".join(discord.said())
        assert discord.words() == [word]
        assert len(discord.house.model.requests) == 2  # the direct messages

    @pytest.mark.parametrize("discord", [(GUILD,)], indirect=True)
    async def test_a_blocked_person_moves_nothing(self, discord: OnDiscord) -> None:
        fake = discord.fake
        asked = await fake.say("hello", mention=True, author=EVE)
        await discord.shows("You said: hello")
        await fake.until(lambda: any("Regenerate" in fake.buttons(m) for m in fake.from_bot()))
        threads, requests = len(fake.threads()), len(discord.house.model.requests)
        await fake.command("block", {"action": "add", "person": f"<@{EVE}>"}, user=ROOT)
        await discord.shows("is blocked")
        await fake.command("help", user=EVE)
        await discord.shows(BLOCKED)
        await fake.edit(asked, "something else")
        for _ in range(3):
            await fake.say("hello again", mention=True, author=EVE)
            await fake.command("help", user=EVE)
            await fake.command("docs", {"action": "add"}, user=EVE)
            await fake.press("Regenerate", user=EVE)
            await fake.press("Why this answer?", user=EVE)
            await fake.say("hello again", channel=fake.world.add_private(450, 1, EVE), author=EVE)
        await discord.settled()
        await discord.shows(BLOCKED)
        await discord.shows("You have changed your question", 0)
        assert len(fake.threads()) == threads
        assert fake.forms == []
        assert len(discord.house.model.requests) == requests + 1
        await discord.house.restart()
        await fake.command("help", user=EVE)
        await discord.shows(BLOCKED, 2)  # the hour is over with the process

    @pytest.mark.parametrize("discord", [(GUILD,)], indirect=True)
    async def test_a_pause_survives_a_restart(self, discord: OnDiscord) -> None:
        fake = discord.fake
        await fake.command("pause", {"where": "everywhere", "reason": "cleaning"}, user=ROOT)
        await discord.shows("Paused everywhere.")
        await discord.house.restart()
        await fake.say("hello", mention=True)
        await discord.shows("I am paused here: cleaning.")
        held = await fake.say("hello", mention=True)
        await fake.until(lambda: discord.has_taken(held), "it was turned away, silently")
        await fake.command("settings", user=ROOT)
        await discord.shows("persona")
        assert fake.threads() == []
        assert not discord.house.model.requests
        await fake.command("pause", {"where": "everywhere", "state": "off"}, user=ROOT)
        await discord.shows("I answer again everywhere.")
        await fake.say("hello", mention=True)
        await discord.shows("You said: hello")
        await discord.shows("I am paused here")

    @pytest.mark.parametrize("discord", [(GUILD,)], indirect=True)
    async def test_a_choice_of_the_model_holds_for_one_person(self, discord: OnDiscord) -> None:
        """A person changed the model of the whole channel."""
        fake = discord.fake
        await fake.command("model", {"action": "use", "name": "other"}, user=EVE)
        await discord.shows("other now answers you in this channel.")
        await fake.say("one", mention=True, author=EVE)
        await discord.shows("The other model: one")
        await fake.say("two", mention=True, author=ADA)
        await discord.shows("You said: two")


class OnSlack(Guarded):
    @property
    def people(self) -> Acting:
        driver = self.house.driver
        assert isinstance(driver, SlackDriver)
        return Acting(driver.fake)

    def said(self) -> str:
        return "\n".join([*self.people.public(), *self.people.private()])

    async def shows(self, text: str, times: int = 1) -> None:
        await self.house.until(lambda: self.said().count(text) == times, f"{times} × {text!r}")


@pytest.fixture
async def slack(tmp_path: Path) -> AsyncIterator[OnSlack]:
    driver = await GuardedSlack().open()
    house = House(tmp_path, driver)
    with capture_logs() as logs:
        await house.start()
        yield OnSlack(house, logs)
        await house.stop()
    await driver.close()


class TestSlack:
    async def test_only_the_word_opens_a_workspace(self, slack: OnSlack) -> None:
        people, views = slack.people, slack.people.fake.workspace.views
        await people.fake.event({"type": "app_home_opened", "user": SLACK_ADA, "channel": "D1",
                                 "tab": "messages"})  # fmt: skip
        thread = {"user_id": SLACK_ADA, "channel_id": "D1", "thread_ts": "1700000000.000009"}
        await people.fake.event({"type": "assistant_thread_started", "assistant_thread": thread})
        await people.say("hello", mention=True)
        await slack.shows(GREETING)
        await people.say("hello", mention=True, by=SLACK_EVE)
        await people.slash("help", by=SLACK_EVE)
        await people.slash("ask", by=SLACK_EVE)
        await people.say("hello", channel="D1")
        await people.slash("allow", "0123456789abcdef", by=SLACK_EVE)
        await slack.shows("not the word that my log shows")
        assert len(people.fake.workspace.by("UBOT")) == 2
        assert views == []
        assert not [c for c in people.fake.calls if c.method.startswith("assistant.")]
        assert not slack.house.model.requests
        (word,) = slack.words()
        await people.say(word, mention=True)
        await slack.shows(THANKS)
        asked = await people.say("hello", mention=True, by=SLACK_EVE)
        await slack.shows("You said: hello")
        await slack.house.until(lambda: people.answers(), "a whole answer")
        await slack.house.restart()
        await people.slash("block", f"add {SLACK_EVE}", by=SLACK_ADA)
        await slack.shows("is blocked")
        await people.slash("help", by=SLACK_EVE)
        await slack.shows(BLOCKED)
        before = json.dumps([m.shown for m in people.fake.workspace.by("UBOT")])
        await people.slash("help", by=SLACK_EVE)
        await people.edit(asked, "something else")
        await people.say("hello", mention=True, by=SLACK_EVE)
        await people.press("Why this answer?", by=SLACK_EVE)
        await people.slash("admins", "list", by=SLACK_ADA)
        await slack.shows("Admins by /allow: slack:U0ADA")
        after = [m.shown for m in people.fake.workspace.by("UBOT")]
        assert json.dumps(after[:-1]) == before
