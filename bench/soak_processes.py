"""A part of `make soak`: four processes on one PostgreSQL, killed at random during conversations.

    python -m bench.soak_processes [--kills 50] [--conversations 200] [--seed 1]

People ask in threads of a Slack of ours, each the next question once the one before has an answer
or an honest word. What is counted is what went over Slack's wire: a question has one answer or one
word, none two, in the order in which they were asked; and after each kill there is an answer again
within 15 seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fakes.postgresql import PostgresqlServer, find_programs, running_server
from tests.fakes.slack.acting import seen
from tests.fakes.slack.state import Posted
from tests.scenarios.setup.setup_house import TOKENS, House, open_house

PROCESSES = 4
QUESTIONS = 5
"""Questions of each conversation."""
PATIENCE_S = 40.0
"""How long a person waits before a question counts as lost."""
TAKEOVER_S = 15.0
TIDYING_S = 60
"""How long it is waited for messages to be removed, which Slack takes 50 of in a minute."""
DELIVERIES = 5
"""How often Slack delivers an event that nobody acknowledges."""
_WORDS = " ".join(f"word{number:02}" for number in range(40))
_CUT = re.compile("interrupted by a restart|being restarted|shut down|went wrong")
_SLACK = {name: value for name, value in TOKENS.items() if name.startswith("SLACK")}


@dataclass
class Soak:
    """The run: its processes, and what has become of the questions."""

    house: House
    server: PostgresqlServer
    folder: Path
    stack: AsyncExitStack
    random: random.Random
    processes: dict[int, asyncio.subprocess.Process] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    slowest_s: float = 0.0
    url: str = ""

    async def start(self, number: int) -> None:
        """Start a process in its folder, and wait until it has a connection."""
        connections = self.house.slack.fake.connections
        env = {
            **_SLACK,
            "PARLANCE_DATABASE_URL": self.url,
            "PARLANCE_DATA_DIR": str(self.folder / f"data{number}"),
        }
        self.processes[number] = await self.stack.enter_async_context(
            self.house.started("run", env=env)
        )
        await self.house.slack.fake.until(
            lambda: self.house.slack.fake.connections > connections, 60
        )

    async def kill_at_random(self, kills: int) -> None:
        """Kill one process after the other, each again and again, without a word."""
        for _ in range(kills):
            await asyncio.sleep(self.random.uniform(1, 4))
            number = self.random.randrange(PROCESSES)
            process = self.processes[number]
            if process.returncode is None:
                process.kill()
                await process.wait()
            killed = time.monotonic()
            self.counts["kills"] += 1
            self.answered.clear()
            await self.answered.wait()
            self.slowest_s = max(self.slowest_s, time.monotonic() - killed)
            await self.start(number)

    async def converse(self, topic: int, ended: asyncio.Event) -> None:
        """Ask in a thread of its own, again and again until all kills are over."""
        thread, number = f"{1_800_000_000 + topic}.000100", 0
        while number < QUESTIONS or not ended.is_set():
            ts = thread if number == 0 else f"{1_800_000_000 + topic}.{number + 200:06}"
            said = {"channel": f"C{topic + 100}", "user": "U0ADA", "ts": ts, "text": ""}
            if number:
                said["thread_ts"] = thread
            said["text"] = f"<@UBOT> number {topic}-{number} {_WORDS}"
            await asyncio.gather(
                *(self._deliver({"type": kind, "channel_type": "channel", **said})
                  for kind in ("app_mention", "message"))
            )  # fmt: skip
            self.counts["questions"] += 1
            await self._until_ended(thread, topic, number)
            number += 1
            await asyncio.sleep(self.random.uniform(0, 2))
        whole = [one for one in self._of(thread) if "word39" in seen(one)]
        numbers = [re.search(rf"number {topic}-(\d+)", seen(one)) for one in whole]
        order = [int(found[1]) for found in numbers if found]
        self.counts["out of order"] += order != sorted(order)
        self.counts["answered twice"] += len(order) - len(set(order))

    async def _deliver(self, event: Mapping[str, Any]) -> None:
        """Deliver an event until it is acknowledged, as Slack does."""
        fake = self.house.slack.fake
        payload = {
            "token": "x", "team_id": "T1", "api_app_id": "A1", "type": "event_callback",
            "event_id": f"Ev{event['type']}{event['ts']}", "event_time": 1, "event": dict(event),
            "authorizations": [{"team_id": "T1", "user_id": "UBOT", "is_bot": True}],
        }  # fmt: skip
        for _ in range(DELIVERIES):
            with suppress(Exception):  # its connection has just ended
                envelope = await fake.deliver("events_api", payload)
                await fake.until(lambda envelope=envelope: envelope in fake.acks, 3)
                return
        self.counts["never acknowledged"] += 1

    async def _until_ended(self, thread: str, topic: int, number: int) -> None:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            posted = self._of(thread)
            ended = [one for one in posted if _is_over(one)]
            if len(ended) > number - self.counts[f"lost {topic}"]:
                cut = _CUT.search(seen(ended[-1])) is not None
                self.counts["honest words" if cut else "answers"] += 1
                self.answered.set()
                return
            await asyncio.sleep(0.05)
        self.counts["lost"] += 1
        self.counts[f"lost {topic}"] += 1

    def unfinished(self) -> int:
        """Messages of ours that still say that something is being written."""
        posted = self.house.slack.fake.workspace.messages.values()
        ours = [m for m in posted if m.user == "UBOT" and not m.deleted and m.thread_ts]
        return sum(not _is_over(one) for one in ours if one.ephemeral_to is None)

    def _of(self, thread: str) -> list[Posted]:
        posted = self.house.slack.fake.workspace.messages.values()
        ours = [m for m in posted if m.thread_ts == thread and m.user == "UBOT"]
        return [m for m in ours if not m.deleted and m.ephemeral_to is None]


def _is_over(message: Posted) -> bool:
    said = seen(message)
    return "word39" in said or _CUT.search(said) is not None


async def soak(kills: int, conversations: int, seed: int) -> Counter[str]:
    """Run it; returns what was counted."""
    programs = find_programs()
    if programs is None:
        raise SystemExit("There is no PostgreSQL here.")
    with tempfile.TemporaryDirectory(prefix="soak-") as name, running_server(programs) as server:
        folder = Path(name)
        async with open_house(folder) as house, AsyncExitStack() as stack:
            house.folder.configure(
                models={
                    "default": {"backend": "scripted", "tokens_per_s": 60},
                    "embedder": {"backend": "scripted"},
                },
                limits={"per_person": 1000, "per_channel": 1000},
            )
            house.slack.fake.spread = True
            for topic in range(conversations):  # Slack takes a message a second in a channel
                house.slack.fake.workspace.channels[f"C{topic + 100}"] = ["U0ADA"]
            run = Soak(house, server, folder, stack, random.Random(seed))
            url = server.create().url.set(drivername="postgresql")
            run.url = url.render_as_string(hide_password=False)
            for number in range(PROCESSES):
                await run.start(number)
            ended = asyncio.Event()
            people = [
                asyncio.create_task(run.converse(topic, ended)) for topic in range(conversations)
            ]
            await run.kill_at_random(kills)
            ended.set()
            await asyncio.gather(*people)
            for _ in range(TIDYING_S):  # what an answer took the place of is removed in time
                if not (unfinished := run.unfinished()):
                    break
                await asyncio.sleep(1)
            run.counts["left unfinished"] = unfinished
            left = server.execute("SELECT count(*) FROM lane_tickets", str(url.database))
            run.counts["tickets left"] = int(str(left[0][0]))
            run.counts["slowest answer after a kill, ms"] = round(run.slowest_s * 1e3)
            return Counter({k: n for k, n in run.counts.items() if not k.startswith("lost ")})


def main() -> int:
    """Run it from the command line; the status is 1 where something was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--conversations", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    counts = asyncio.run(soak(given.kills, given.conversations, given.seed))
    for what, number in sorted(counts.items()):
        print(f"{what}: {number:,}")
    wrong = ("lost", "out of order", "answered twice", "left unfinished", "tickets left")
    late = counts["slowest answer after a kill, ms"] > TAKEOVER_S * 1e3
    return int(late or any(counts[what] for what in wrong))


if __name__ == "__main__":
    sys.exit(main())
