"""SIGTERM to a bot on Discord and Slack: what people are reading is finished, for a time."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.fakes.discord import TOKEN
from tests.scenarios.process import SLOW, WITHIN_S, Ended, end_of
from tests.scenarios.setup.setup_house import House, open_house, reads

SHORT = " ".join(f"word{n:02}" for n in range(24))
LAST = SHORT.split()[-1]
CUT = "I was shut down before this was complete."
TOKENS = {
    "DISCORD_TOKEN": TOKEN,
    "SLACK_BOT_TOKEN": "xoxb-test-bot-token",
    "SLACK_APP_TOKEN": "xapp-test-app-token",
}


@dataclass
class Served:
    """A process of `parlance run` on both platforms, with its HTTP port."""

    house: House
    process: asyncio.subprocess.Process
    http: aiohttp.ClientSession

    async def status(self, path: str) -> int:
        async with self.http.get(path) as answer:
            return answer.status

    async def until(self, true: Callable[[], Any]) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not true():
                await asyncio.sleep(0.02)

    async def told_to_end(self) -> None:
        """Send SIGTERM, and wait until it is not ready any more."""
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(WITHIN_S):
            while await self.status("/readyz") != 503:
                await asyncio.sleep(0.02)
        assert self.process.returncode is None
        assert await self.status("/healthz") == 200

    async def ended(self) -> Ended:
        return (await end_of(self.process)).no_trace()

    def statuses(self) -> list[str]:
        return [turn["status"] for turn in self.house.folder.turns() if turn["role"] != "user"]


@asynccontextmanager
async def served(folder: Path, *, drain_s: float, tokens_per_s: float) -> AsyncIterator[Served]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    replies = [{"match": "take your time", "text": SLOW}, {"match": "count", "text": SHORT}]
    async with open_house(folder) as house:
        house.folder.configure(
            models={
                "default": {
                    "backend": "scripted", "replies": replies, "tokens_per_s": tokens_per_s,
                },
                "embedder": {"backend": "scripted"},
            },
            limits={"drain_s": drain_s},
            http={"port": port},
        )  # fmt: skip
        async with (
            house.started("run", env=TOKENS) as process,
            aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http,
        ):
            await asyncio.gather(house.online(), house.slack.connected())
            yield Served(house, process, http)


async def test_answers_that_are_being_written_are_finished(tmp_path: Path) -> None:
    async with served(tmp_path, drain_s=WITHIN_S, tokens_per_s=25) as bot:
        slack, discord = bot.house.slack, bot.house.discord
        async with asyncio.timeout(WITHIN_S):
            while await bot.status("/readyz") != 200:
                await asyncio.sleep(0.02)
        slack.fake.hold_text(LAST, done=True)  # this answer does not end before it is healed
        await asyncio.gather(slack.mention("count"), discord.mention("count"))
        await asyncio.gather(reads(slack, "word02"), reads(discord, "word02"))
        await bot.told_to_end()
        await slack.mention("count again", by="eve")
        await reads(slack, "I am being restarted; please ask again in a moment.")
        await reads(discord, LAST)
        slack.fake.heal()
        ended = await bot.ended()
        assert ended.status == 0
        for platform in (slack, discord):
            assert SHORT in "\n".join(platform.messages()).replace("\n", " ")
            assert not platform.working()
            assert CUT not in "\n".join(platform.messages())
        assert bot.statuses() == ["complete", "complete"]


async def test_an_answer_that_takes_longer_says_that_it_was_cut(tmp_path: Path) -> None:
    async with served(tmp_path, drain_s=0.3, tokens_per_s=40) as bot:
        slack = bot.house.slack
        await slack.mention("take your time")
        await reads(slack, "slow003")
        bot.process.send_signal(signal.SIGTERM)
        ended = await bot.ended()
        assert ended.status == 0
        assert CUT in "\n".join(slack.messages())
        assert not slack.working()
        assert bot.statuses() == ["cancelled"]
