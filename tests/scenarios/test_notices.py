"""Notices on Discord and Slack at once, over their own wires: lost, back, and after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import yaml

from backends.errors import BackendUnavailable
from backends.scripted.backend import ScriptedBackend
from bot.app import App, open_app
from bot.installation import Installation
from bot.notices.assembly import create_notices
from tests.fakes.discord.state import CHANNEL as DISCORD_CHANNEL
from tests.scenarios.on_discord import DiscordDriver
from tests.scenarios.on_slack import CHANNEL as SLACK_CHANNEL
from tests.scenarios.on_slack import SlackDriver
from tests.until import PATIENCE_S


@dataclass
class Clock:
    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Town:
    """Both platforms, and a folder that one bot after another works in."""

    folder: Path
    slack: SlackDriver = field(default_factory=SlackDriver)
    discord: DiscordDriver = field(default_factory=DiscordDriver)
    clock: Clock = field(default_factory=Clock)

    def configure(self, channels: list[str]) -> Path:
        (self.folder / "papers").mkdir(exist_ok=True)
        path = self.folder / "config.yaml"
        said = {
            "data_dir": str(self.folder / "data"),
            "models": {"default": {"backend": "scripted"}, "embedder": {"backend": "scripted"}},
            "embedder": "embedder",
            "notices": {"channel": channels},
            "knowledge": {"sync": [{"path": str(self.folder / "papers")}]},
            **self.discord.config(),
        }
        path.write_text(yaml.safe_dump(said), "utf-8")
        return path

    @asynccontextmanager
    async def bot(self, *channels: str) -> AsyncIterator[App]:
        here = await asyncio.to_thread(lambda: Installation.read(self.configure([*channels])))
        async with open_app(here) as opened:
            sources = opened.knowledge.source_sync
            app = replace(
                opened,
                notices_every_s=0.02,
                notices=create_notices(
                    here.config,
                    opened.database,
                    opened.pool.status,
                    sources,
                    opened.backups,
                    lambda: "",
                    self.clock,
                ),
            )
            adapters = [self.slack.adapter(app), self.discord.adapter(app)]
            serving = asyncio.create_task(app.serve(adapters))
            await asyncio.gather(self.slack.connected(), self.discord.connected())
            await self.until(lambda: len(app.core.platforms.connected) == 2)
            yield app
            serving.cancel()
            await asyncio.wait([serving])

    async def until(self, true: object, minutes: float = 0.0) -> None:
        """Wait for something to be so, while this many minutes pass on the bot's clock."""
        assert callable(true)
        async with asyncio.timeout(PATIENCE_S):
            while not true():
                self.clock.now += 20 if minutes else 0
                await asyncio.sleep(0.05)

    @property
    def shown(self) -> tuple[list[str], list[str]]:
        """What stands on Slack, and on Discord."""
        return [*self.slack.messages()], [*self.discord.messages()]


@asynccontextmanager
async def town(folder: Path) -> AsyncIterator[Town]:
    made = Town(folder)
    await made.slack.open()
    await made.discord.open()
    yield made
    made.slack.fake.heal()
    await made.discord.close()
    await made.slack.close()


async def test_a_lost_platform_is_told_on_the_other_one_and_nothing_is_told_twice(
    tmp_path: Path,
) -> None:
    both = (f"slack:{SLACK_CHANNEL}", f"discord:200:{DISCORD_CHANNEL}")
    async with town(tmp_path) as one:
        async with one.bot(*both):
            one.slack.fake.refuse_sockets = True
            one.slack.fake.fail_next(r".*", status=503, times=1_000_000)
            await one.slack.fake.drop_sockets()
            await one.until(lambda: one.shown[1], minutes=3)
            assert one.shown[0] == []
            assert one.shown[1][0].startswith("⚠️ Slack is not connected. The bot keeps trying")
            one.slack.fake.refuse_sockets = False
            one.slack.fake.heal()
            await one.until(lambda: all("✅" in "".join(texts) for texts in one.shown), minutes=3)
        told = one.shown
        for texts in told:
            # What was being sent to Slack just when it came back stands there, too.
            assert sum("not connected" in text for text in texts) <= 1
            assert texts[-1].startswith("✅ Slack is connected again. It took ")
        async with one.bot(*both):
            one.clock.now += 600
            await asyncio.sleep(0.3)
        assert one.shown == told


async def test_a_model_that_fails_and_documents_that_cannot_be_read(tmp_path: Path) -> None:
    async with town(tmp_path) as one, one.bot(f"slack:{SLACK_CHANNEL}") as app:
        model = app.pool.backend("default")
        assert isinstance(model, ScriptedBackend)
        await asyncio.to_thread((tmp_path / "papers" / "bad.pdf").write_bytes, b"%PDF-1.4 nothing")
        async for _ in app.sync_documents():
            pass
        await one.until(lambda: one.shown[0])
        model.available = False
        with pytest.raises(BackendUnavailable):
            await app.pool.probe("default")
        await one.until(lambda: len(one.shown[0]) == 2, minutes=3)
        model.available = True
        await app.pool.probe("default")
        await one.until(lambda: len(one.shown[0]) == 3, minutes=3)
    papers, fails, answers = one.shown[0]
    assert papers.startswith("⚠️ A document of `papers` could not be read.")
    assert str(tmp_path) not in papers
    assert fails.startswith("⚠️ The model `default` could not answer when it was last asked.")
    assert answers.startswith("✅ The model `default` answers again.")
