"""One process has Discord's connection, and others answer what it hears: what people see of it,
also when some of them are killed without a word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from bot.storage.address import ServerAddress
from tests.fakes.discord.state import CHANNEL, DM, Json
from tests.fakes.postgresql import PostgresqlServer
from tests.scenarios.on_discord import DiscordDriver
from tests.scenarios.setup.setup_house import open_house
from tests.scenarios.test_many_processes import CUT, DISCORD, TAKEOVER_S, Crew
from tests.until import until

pytestmark = pytest.mark.soak

LIFETIME_S = "2.5"
SLOW = " ".join(f"slow{n:03}" for n in range(200))
"""An answer of three seconds."""
_HOST = "SELECT host FROM processes JOIN {} ON process = processes.id WHERE {}"
_TAKERS = """SELECT count(*) FROM processes WHERE told LIKE '%"takes": {"discord"%'"""


@dataclass
class Divided:
    """Two fronts, of which one stands by, and two workers."""

    crew: Crew
    workers: Sequence[asyncio.subprocess.Process]

    @property
    def discord(self) -> DiscordDriver:
        return self.crew.house.discord

    def is_so(self, table: str, where: str) -> asyncio.subprocess.Process | None:
        """The process that a row of a table names."""
        host = self.crew.row(_HOST.format(table, where)) or ""
        found = [one for one in self.crew.processes if host.endswith(f":{one.pid}")]
        return found[0] if found else None

    @property
    def front(self) -> asyncio.subprocess.Process | None:
        """The process that has Discord's connection."""
        return self.is_so("leases", "name = 'platform:discord'")

    @property
    def writer(self) -> asyncio.subprocess.Process | None:
        """The process that is writing an answer."""
        return self.is_so("turns", "turns.status = 'running'")

    async def hear_each_other(self) -> None:
        """Wait until each has heard of the workers."""
        await until(lambda: self.crew.row(_TAKERS) == len(self.workers) and self.front)
        await until(self.discord.fake.gateway.ready.is_set)
        for _ in range(2):  # the first beat may have begun before
            now = self.crew.row("SELECT max(beat_at) FROM processes")
            beaten = partial(self.crew.row, f"SELECT min(beat_at) > {now} FROM processes")
            await until(beaten)

    def said(self, channel: int) -> str:
        """What the bot has said in a channel or thread."""
        return "\n".join(m["content"] for m in self.discord.fake.from_bot(channel))

    async def reads(self, text: str) -> Json:
        """Wait until an answer with a text is complete, and return the message."""

        def found() -> Sequence[Json]:
            return [m for m in self.discord.fake.from_bot() if text in m["content"]]

        await until(lambda: found() and not self.discord.working())
        return found()[-1]

    def has_gone(self, thread: int) -> bool:
        """Whether nothing is left of what was said in a thread, nor being written."""
        return not self.said(thread) and self.writer is None

    async def begin_slow(self) -> int:
        """Have a long answer begun; returns its thread."""
        await self.discord.mention("take your time")
        thread = self.discord._asked
        await until(lambda: "slow005" in self.said(thread))
        return thread


@pytest.fixture
def address(postgresql: PostgresqlServer) -> ServerAddress:
    """The database that the processes share."""
    return postgresql.create()


@pytest.fixture
async def divided(tmp_path: Path, address: ServerAddress) -> AsyncIterator[Divided]:
    async with open_house(tmp_path) as house, AsyncExitStack() as stack:
        replies = [{"match": "take your time", "text": SLOW}]
        house.folder.configure(
            models={
                "default": {"backend": "scripted", "replies": replies, "tokens_per_s": 60},
                "embedder": {"backend": "scripted"},
            },
            discord={"message_content": True},
        )
        crew = Crew(house, address, tmp_path, stack)
        for number, role in enumerate(("front", "front", "worker", "worker")):
            env = {
                **DISCORD,
                "FAKE_LIFETIME_S": LIFETIME_S,
                "PARLANCE_DATABASE_URL": crew.url,
                "PARLANCE_DATA_DIR": str(tmp_path / f"data{number}"),
            }  # they start at the same time
            started = house.started("run", "--role", role, env=env)
            crew.processes.append(await stack.enter_async_context(started))
        made = Divided(crew, crew.processes[2:])
        await made.hear_each_other()
        yield made


async def test_workers_answer_what_a_front_hears(divided: Divided) -> None:
    """And what has begun goes on, or is told to be cut off, when some of them are killed."""
    await _answers_come_from_workers(divided)
    await _what_people_take_back_is_stopped(divided)
    await _what_the_front_answers_waits_for_a_worker(divided)
    await _a_worker_is_killed(divided)
    await _the_front_is_killed(divided)


async def _answers_come_from_workers(divided: Divided) -> None:
    discord, fake = divided.discord, divided.discord.fake
    file = fake.world.add_file(fake.rest.base(), "plan.txt", b"It is 40 m high.")
    asked = await fake.say("number 1", mention=True, attachments=[file])
    await fake.say("number 2", channel=DM)
    await discord.command("ask", {"question": "number 3"})
    answers = [await divided.reads(f"number {n}") for n in (1, 2, 3)]
    assert [int(one["channel_id"]) for one in answers] == [asked, DM, CHANNEL]


async def _what_people_take_back_is_stopped(divided: Divided) -> None:
    discord = divided.discord
    thread = await divided.begin_slow()
    assert divided.writer in divided.workers
    await discord.press("stop")
    await until(lambda: "Stopped by" in divided.said(thread) and not discord.working())
    for take_back in (discord.delete_answer, discord.delete):
        gone = await divided.begin_slow()
        await take_back()
        await until(partial(divided.has_gone, gone))


async def _what_the_front_answers_waits_for_a_worker(divided: Divided) -> None:
    """A button's answer comes from the front; in a conversation there is one at a time."""
    discord = divided.discord
    await discord.mention("number 6")
    thread = discord._asked
    await divided.reads("number 6")
    await discord.follow_up("take your time")
    await until(lambda: "slow005" in divided.said(thread))
    before = len(discord.fake.timeline.steps)
    await discord.press("regenerate")
    await until(lambda: "slow199" in divided.said(thread) and not discord.working())
    await until(lambda: "number 6" in divided.said(thread))
    steps = [s for s in discord.fake.timeline.steps[before:] if s.place == str(thread)]
    ended = next(n for n, step in enumerate(steps) if "slow199" in step.content)
    assert not any("number 6" in step.content for step in steps[:ended])
    assert any("number 6" in step.content for step in steps[ended:])


async def _a_worker_is_killed(divided: Divided) -> None:
    crew, discord = divided.crew, divided.discord
    thread = await divided.begin_slow()
    killed = divided.writer
    assert killed is not None
    crew.kill(killed)
    await until(lambda: CUT in divided.said(thread), within_s=TAKEOVER_S)
    assert len(discord.fake.from_bot(thread)) == 1
    await discord.follow_up("number 4")
    await divided.reads("number 4")


async def _the_front_is_killed(divided: Divided) -> None:
    crew, discord = divided.crew, divided.discord
    thread = await divided.begin_slow()
    discord.fake.gateway.ready.clear()
    killed = divided.front
    assert killed is not None
    crew.kill(killed)
    await until(discord.fake.gateway.ready.is_set, within_s=TAKEOVER_S)
    await until(lambda: "slow199" in divided.said(thread) and not discord.working())
    assert CUT not in divided.said(thread)
    await discord.follow_up("number 5")
    await divided.reads("number 5")
    assert divided.said(thread).count("number 5") == 1
