"""A folder of somebody who sets Parlance up, between a Discord and a Slack of ours."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import struct
import termios
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.adapters.slack.setup.manifest import scopes
from bot.config.platforms import SlackSettings
from tests.fakes.discord import TOKEN
from tests.fakes.file_server import FileServer
from tests.scenarios import forked
from tests.scenarios.on_discord import DiscordDriver
from tests.scenarios.on_slack import SlackDriver
from tests.scenarios.process import Ended, Folder, end_of
from tests.scenarios.test_cli_chat import Terminal
from tests.until import until

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

    async def online(self) -> None:
        """Wait until the bot is on Discord, which may have documents to read first."""
        await self.discord.fake.until(self.discord.fake.gateway.ready.is_set, "online")

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
        self, *arguments: str, env: Mapping[str, str] | None = None
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        process = await forked.start(
            "tests.scenarios.on_fakes",
            *arguments,
            env={**self.environment, **(env or {})},
            stdin=asyncio.subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def run(self, *arguments: str, env: Mapping[str, str] | None = None) -> Ended:
        async with self.started("setup", *arguments, env=env) as process:
            return (await end_of(process)).no_trace()


async def reads(driver: DiscordDriver | SlackDriver, text: str) -> None:
    """Wait until the bot has said something in a chat."""

    def seen() -> str:
        return "\n".join([*driver.messages(), *driver.private()])

    await until(lambda: text in seen(), lambda: f"{text!r} is not in {seen()!r}")


@asynccontextmanager
async def open_house(tmp_path: Path) -> AsyncIterator[House]:
    """A folder of somebody who begins, with a document, beside a Discord and a Slack."""
    folder = Folder(tmp_path)
    papers = tmp_path / "papers"
    papers.mkdir()
    (papers / "lamp.md").write_text(LAMP, "utf-8")
    folder.configure(limits={"max_answer_tokens": 48})
    discord, slack = await DiscordDriver().open(), await SlackDriver().open()
    slack.fake.methods.scopes = ",".join(scopes(SlackSettings()))
    yield House(folder, discord, slack)
    await slack.close()
    await discord.close()


@asynccontextmanager
async def keyboard(
    house: House,
    *arguments: str,
    columns: int = 100,
    cwd: Path = forked.ROOT,
    env: Mapping[str, str] | None = None,
) -> AsyncIterator[tuple[Terminal, asyncio.subprocess.Process]]:
    """`parlance setup` with a person in front of it."""
    ours, screen = pty.openpty()
    fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    given = {**house.environment, "COLUMNS": str(columns), **(env or {})}
    if cwd != forked.ROOT:
        del given["PARLANCE_CONFIG"]
    command = arguments if arguments[:1] == ("run",) else ("setup", *arguments)
    process = await forked.start(
        "tests.scenarios.on_fakes", *command,
        cwd=cwd, env=given, stdin=screen, stdout=screen, stderr=screen,
    )  # fmt: skip
    os.close(screen)
    terminal = Terminal(ours)
    try:
        yield terminal, process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(ours)


def hub_environment(hub: FileServer, tmp_path: Path) -> dict[str, str]:
    """The hub on loopback, and a store of models that is empty."""
    return {"HF_ENDPOINT": hub.url, "PARLANCE_MODELS_DIR": str(tmp_path / "models")}
