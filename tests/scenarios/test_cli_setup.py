"""`parlance setup`, from nothing to an answer with a source where people are."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.adapters.slack.setup.manifest import scopes
from bot.config.platforms import SlackSettings
from tests.fakes.discord import TOKEN
from tests.scenarios import forked
from tests.scenarios.on_discord import DiscordDriver
from tests.scenarios.on_slack import SlackDriver
from tests.scenarios.process import Ended, Folder, end_of, read_until

BOT_TOKEN, APP_TOKEN = "xoxb-test-bot-token", "xapp-test-app-token"
TOKENS = {
    "DISCORD_TOKEN": TOKEN,
    "SLACK_BOT_TOKEN": BOT_TOKEN,
    "SLACK_APP_TOKEN": APP_TOKEN,
}
LAMP = "# Lamps\n\nThe lamp in the tower is switched off with the brass lever by the door.\n"
QUESTION = "How is the lamp in the tower switched off?"


@dataclass
class House:
    """A folder of an operator who begins, and the two platforms."""

    folder: Folder
    discord: DiscordDriver
    slack: SlackDriver

    @property
    def env_file(self) -> Path:
        return self.folder.path / ".env"

    @property
    def settings(self) -> str:
        return (self.folder.path / "config.yaml").read_text("utf-8")

    @property
    def environment(self) -> dict[str, str]:
        return {
            **self.folder.environment,
            "FAKE_DISCORD_PORT": str(self.discord.fake.port),
            "FAKE_SLACK_URL": self.slack.fake.api_url,
        }

    @asynccontextmanager
    async def started(
        self, *arguments: str, stdin: int = asyncio.subprocess.DEVNULL, **env: str
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        process = await forked.start(
            "tests.scenarios.on_fakes", *arguments, env={**self.environment, **env}, stdin=stdin
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def run(self, *arguments: str, **env: str) -> Ended:
        async with self.started("setup", *arguments, **env) as process:
            return (await end_of(process)).no_trace()


async def reads(driver: DiscordDriver | SlackDriver, text: str) -> None:
    """Wait until the bot has said something in a chat."""
    seen = ""
    for _ in range(400):
        if text in (seen := "\n".join([*driver.messages(), *driver.private()])):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{text!r} is not in {seen!r}")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    folder = Folder(tmp_path)
    papers = tmp_path / "papers"
    papers.mkdir()
    (papers / "lamp.md").write_text(LAMP, "utf-8")
    folder.configure()
    discord, slack = await DiscordDriver().open(), await SlackDriver().open()
    slack.fake.methods.scopes = ",".join(scopes(SlackSettings()))
    yield House(folder, discord, slack)
    await slack.close()
    await discord.close()


class TestWithoutAKeyboard:
    async def test_one_command_leads_to_an_answer_with_a_source_in_both_chats(
        self, house: House
    ) -> None:
        begun = house.slack.fake.connections
        arguments = ("setup", "--yes", "--documents", "papers", "--admin", "discord:7")
        async with house.started(*arguments, **TOKENS) as process:
            await house.discord.connected()
            await house.slack.fake.until(lambda: house.slack.fake.connections > begun, 40)
            for driver in (house.discord, house.slack):
                await driver.command("ask", {"question": QUESTION})
                await reads(driver, "Lamps")
            shown = await read_until(process, "starts it again.")
            process.terminate()
            ended = (await end_of(process)).no_trace()
        assert ended.status == 0, ended
        said = " ".join(shown.split())
        assert "The bot is online on Discord. The bot is online on Slack." in said
        assert "The first question was answered on Discord, from Lamps." in said
        assert not any(token in shown + ended.err for token in TOKENS.values())
        for name, token in TOKENS.items():
            assert f"{name}={token}\n" in house.env_file.read_text()
        assert stat.S_IMODE(house.env_file.stat().st_mode) == 0o600
        assert "discord:7" in house.settings
        assert "papers" in house.settings
