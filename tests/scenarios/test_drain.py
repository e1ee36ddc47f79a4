"""SIGTERM to a bot on Discord and Slack: what people are reading is finished, for a time."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bot.storage.address import DATABASE_URL_VARIABLE
from tests.fakes.discord import TOKEN
from tests.fakes.postgresql import PostgresqlServer
from tests.scenarios.harness import Person
from tests.scenarios.process import SLOW, Ended, end_of
from tests.scenarios.setup.setup_house import House, open_house, reads
from tests.until import PATIENCE_S

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

    async def until(self, status: int) -> None:
        """Wait until it is ready (200), or not any more (503)."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with suppress(aiohttp.ClientConnectorError):
                    if await self.status("/readyz") == status:
                        return
                await asyncio.sleep(0.02)

    async def told_to_end(self) -> None:
        """Send SIGTERM, and wait until it is not ready any more."""
        self.process.send_signal(signal.SIGTERM)
        await self.until(503)
        assert self.process.returncode is None
        assert await self.status("/healthz") == 200

    async def ended(self) -> Ended:
        return (await end_of(self.process)).no_trace()

    def statuses(self) -> list[str]:
        return [turn["status"] for turn in self.house.folder.turns() if turn["role"] != "user"]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@asynccontextmanager
async def started(house: House, env: Mapping[str, str]) -> AsyncIterator[Served]:
    """A process in a house, on the platforms whose tokens it has."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    async with (
        house.started("run", env={**env, "PARLANCE_HTTP__PORT": str(port)}) as process,
        aiohttp.ClientSession(address) as http,
    ):
        yield Served(house, process, http)


@asynccontextmanager
async def served(folder: Path, *, drain_s: float, tokens_per_s: float) -> AsyncIterator[Served]:
    """A process on both platforms, which are connected."""
    async with configured(folder, drain_s, tokens_per_s) as house, started(house, TOKENS) as bot:
        await asyncio.gather(house.online(), house.slack.connected())
        yield bot


@asynccontextmanager
async def configured(folder: Path, drain_s: float, tokens_per_s: float) -> AsyncIterator[House]:
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
        )  # fmt: skip
        yield house


async def test_answers_that_are_being_written_are_finished(tmp_path: Path) -> None:
    async with served(tmp_path, drain_s=PATIENCE_S, tokens_per_s=25) as bot:
        slack, discord = bot.house.slack, bot.house.discord
        await bot.until(200)
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


async def test_each_answer_that_takes_longer_says_that_it_was_cut(tmp_path: Path) -> None:
    people: tuple[Person, ...] = ("ada", "eve", "root") * 2  # more than Slack takes edits at once
    async with served(tmp_path, drain_s=0.3, tokens_per_s=10) as bot:
        slack = bot.house.slack
        for person in people:
            await slack.mention("take your time", by=person)
        await slack.fake.until(lambda: "\n".join(slack.messages()).count("slow003") == len(people))
        bot.process.send_signal(signal.SIGTERM)
        ended = await bot.ended()
        assert ended.status == 0
        assert [message.count(CUT) for message in slack.messages()] == [1] * len(people)
        assert not slack.working()
        assert bot.statuses() == ["cancelled"] * len(people)


async def test_another_process_on_the_database_answers_meanwhile(
    tmp_path: Path, postgresql: PostgresqlServer
) -> None:
    database = await asyncio.to_thread(postgresql.create)
    address = database.url.render_as_string(hide_password=False)
    env = {**TOKENS, "DISCORD_TOKEN": "", DATABASE_URL_VARIABLE: address}
    async with configured(tmp_path, PATIENCE_S, 25) as house, started(house, env) as staying:
        slack = house.slack
        await staying.until(200)
        other = {**env, "PARLANCE_DATA_DIR": str(tmp_path / "other")}
        async with started(house, other) as ending:  # the latest, to which events come
            await ending.until(200)
            slack.fake.hold_text(LAST, done=True)
            await slack.mention("count")
            await reads(slack, "word02")
            await ending.told_to_end()
            await slack.fake.until(lambda: slack.fake.open_connections == 1)
            await slack.mention("hello", by="eve")
            await reads(slack, "You said: hello")
            assert ending.process.returncode is None
            slack.fake.heal()
            assert (await ending.ended()).status == 0
        said = "\n".join(slack.messages())
        assert SHORT in said.replace("\n", " ")
        assert "restarted" not in said
        assert CUT not in said
        assert not slack.working()
        assert await staying.status("/readyz") == 200
