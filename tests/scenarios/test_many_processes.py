"""Several processes of one bot on one PostgreSQL, killed without a word: what people see of it."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bot.storage.address import ServerAddress
from tests.fakes.postgresql import PostgresqlServer
from tests.fakes.slack.acting import seen
from tests.fakes.slack.state import Posted
from tests.scenarios.process import SLOW
from tests.scenarios.setup.setup_house import TOKENS, House, open_house
from tests.until import until

TAKEN = "SELECT count(*) FROM processed_events"
_WORKERS = "SELECT count(*) FROM processes WHERE told LIKE '%%takes\": {\"%%'"
_NOW = "SELECT cast(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)"
_WRITING = (
    "SELECT host FROM processes JOIN turns ON turns.process = processes.id"
    " WHERE turns.status = 'running'"
)
TAKEOVER_S = 15.0
CUT = "This answer was interrupted by a restart."


@dataclass
class Crew:
    """Processes of `parlance run` on one database, between a Slack and a Discord of ours."""

    house: House
    address: ServerAddress
    folder: Path
    stack: AsyncExitStack
    processes: list[asyncio.subprocess.Process] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The address of the database, as an operator writes it."""
        return self.address.url.set(drivername="postgresql").render_as_string(hide_password=False)

    async def start(self, role: str = "all", **tokens: str) -> asyncio.subprocess.Process:
        """Start one more, with a data folder of its own, and wait until it serves."""
        number, connections = len(self.processes), self.house.slack.fake.connections
        workers = self.row(_WORKERS) if number else 0
        env = {
            **tokens,
            "PARLANCE_DATABASE_URL": self.url,
            "PARLANCE_DATA_DIR": str(self.folder / f"data{number}"),
            "PARLANCE_ROLE": role,
        }
        process = await self.stack.enter_async_context(self.house.started("run", env=env))
        self.processes.append(process)
        if role == "worker":
            await until(partial(self.has, _WORKERS, workers + 1))
        elif "SLACK_APP_TOKEN" in tokens:
            await until(lambda: self.house.slack.fake.connections > connections)
        return process

    def kill(self, process: asyncio.subprocess.Process) -> None:
        """End it as a machine that fails does."""
        process.send_signal(signal.SIGKILL)

    def row(self, statement: str) -> Any:
        """The first value of a query in the database."""
        with psycopg.connect(self.url) as connection:
            found = connection.execute(statement).fetchone()
        return found[0] if found else None

    def has(self, statement: str, value: Any) -> bool:
        """Whether a query in the database has this as its first value."""
        return bool(self.row(statement) == value)

    def thread(self, ts: str) -> list[Posted]:
        """What the bot has said in a thread of Slack, in order."""
        posted = self.house.slack.fake.workspace.messages.values()
        ours = [m for m in posted if m.thread_ts == ts and m.user == "UBOT"]
        return [m for m in ours if not m.deleted]


@pytest.fixture
async def crew(tmp_path: Path, address: ServerAddress) -> AsyncIterator[Crew]:
    """No process yet, and an empty database."""
    async with open_house(tmp_path) as house, AsyncExitStack() as stack:
        house.folder.configure(
            models={
                "default": {
                    "backend": "scripted",
                    "replies": [{"match": "take your time", "text": SLOW}],
                    "tokens_per_s": 20,
                },
                "embedder": {"backend": "scripted"},
            },
            limits={"per_person": 100, "per_channel": 100},
        )
        house.slack.fake.spread = True
        yield Crew(house, address, tmp_path, stack)


@pytest.fixture
def address(postgresql: PostgresqlServer) -> ServerAddress:
    """The database that the processes share."""
    return postgresql.create()


SLACK = {name: value for name, value in TOKENS.items() if name.startswith("SLACK")}
DISCORD = {name: value for name, value in TOKENS.items() if name.startswith("DISCORD")}


async def test_questions_that_come_to_any_process_are_answered_once_and_in_their_order(
    crew: Crew,
) -> None:
    """And of two processes that are killed meanwhile another one says that they were cut off."""
    for _ in range(3):
        await crew.start(**SLACK)
    slack = crew.house.slack
    threads: list[str] = []
    for topic in range(4):
        await slack.mention(f"number {topic}-0")
        threads.append(slack._asked)
    await until(lambda: all(_complete(crew, ts) for ts in threads) and not slack.working())
    for number in range(1, 4):
        for topic, ts in enumerate(threads):
            slack._asked = ts
            await slack.follow_up(f"number {topic}-{number}")
        taken = 4 * (number + 1)  # which of them came first is known by then
        await until(partial(crew.has, TAKEN, taken))

    def answered() -> bool:
        return all(len(_complete(crew, ts)) == 4 for ts in threads) and not slack.working()

    await until(answered)
    for topic, ts in enumerate(threads):
        assert len(crew.thread(ts)) == 4
        assert order_of_answers(crew, ts, topic) == ["0", "1", "2", "3"]
    await until(partial(crew.has, "SELECT count(*) FROM lane_tickets", 0))

    await slack.mention("take your time")
    slow = slack._asked
    await until(lambda: "slow005" in _text(crew, slow))
    await until(lambda: crew.row(_WRITING))
    host = crew.row(_WRITING)
    writing = next(one for one in crew.processes if host.endswith(f":{one.pid}"))
    crew.kill(writing)
    crew.kill(next(one for one in crew.processes if one is not writing))
    await until(lambda: crew.row("SELECT count(*) FROM processes") == 1, within_s=TAKEOVER_S)
    await until(lambda: CUT in _text(crew, slow) and not slack.working())
    assert len(crew.thread(slow)) == 1
    await slack.mention("number 9-0")
    last = slack._asked
    await until(lambda: "number 9-0" in _text(crew, last) and not slack.working())


async def test_what_a_front_gives_to_workers_is_answered_although_one_is_killed_before_it_has_begun(
    crew: Crew,
) -> None:
    front = await crew.start("front", **SLACK)
    workers = [await crew.start("worker", **SLACK) for _ in range(2)]
    now = crew.row(_NOW)
    await until(lambda: crew.row("SELECT min(beat_at) FROM processes") > now)
    slack = crew.house.slack
    await slack.mention("number 1")
    first = slack._asked
    await until(lambda: "You said: number 1" in _text(crew, first))
    await slack.command("help")
    await until(partial(crew.has, TAKEN, 2))
    hosts = crew.row(
        "SELECT string_agg(host, ' ') FROM processes WHERE id IN"
        " (SELECT process FROM turns WHERE process IS NOT NULL)"
    )
    assert hosts
    assert f":{front.pid}" not in hosts

    await slack.mention("take your time")
    slow = slack._asked
    await until(lambda: "slow001" in _text(crew, slow))
    slack.fake.hold_next("chat.postMessage", done=False)  # that it waits is not shown
    await slack.follow_up("number 3")
    await until(partial(crew.has, "SELECT count(*) FROM lane_tickets", 2))

    slack.fake.hold_next("users.info", done=False)
    await slack.mention("number 2", by="eve")
    second = slack._asked
    given = (
        "SELECT host FROM processes JOIN received_events ON process = id"
        " WHERE person = 'slack:U0EVE' AND begun"
    )
    await until(lambda: crew.row(given))
    killed = next(one for one in workers if crew.row(given).endswith(f":{one.pid}"))
    assert len(slack.fake.acks) == len(slack.fake.sent)
    crew.kill(killed)
    await killed.wait()
    slack.fake.heal()
    await until(lambda: "You said: number 2" in _text(crew, second), within_s=TAKEOVER_S)
    await until(lambda: "You said: number 3" in _text(crew, slow), within_s=TAKEOVER_S)
    await until(lambda: not slack.working())
    assert len(crew.thread(second)) == 1
    assert [CUT in seen(one) for one in crew.thread(slow)] == [True, False]


def _complete(crew: Crew, ts: str) -> list[Posted]:
    return [one for one in crew.thread(ts) if "You said: number" in seen(one)]


def order_of_answers(crew: Crew, ts: str, topic: int) -> list[str]:
    """The questions of a thread in the order in which their answers showed. A message's place in
    the thread does not tell it: one that waits in line says so at once, perhaps above an answer
    that shows nothing yet."""
    ours = {one.ts for one in crew.thread(ts)}
    steps = crew.house.slack.fake.workspace.timeline.steps
    answer = re.compile(rf"You said: number {topic}-(\d)")
    shown = [answer.search(step.content) for step in steps if step.message in ours]
    return list(dict.fromkeys(match[1] for match in shown if match))


def _text(crew: Crew, ts: str) -> str:
    return "\n".join(seen(one) for one in crew.thread(ts))


async def test_another_process_serves_discord_when_the_one_that_did_is_killed(crew: Crew) -> None:
    discord = crew.house.discord
    first = await crew.start(**DISCORD)
    await crew.house.online()
    await crew.start(**DISCORD)
    await discord.mention("take your time")
    await until(lambda: any("slow005" in text for text in discord.messages()))
    discord.fake.gateway.ready.clear()
    crew.kill(first)
    await until(discord.fake.gateway.ready.is_set, within_s=TAKEOVER_S + 5)
    await until(lambda: any(CUT in text for text in discord.messages()))
    assert sum(CUT in text for text in discord.messages()) == 1
    await discord.mention("number 1")
    await until(lambda: any("number 1" in text for text in discord.messages()))
    assert not discord.working()
