"""A part of `make soak`: four processes on one PostgreSQL, killed at random during conversations.

    python -m bench.soak_processes [--kills 50] [--conversations 200] [--seed 1]

People ask in threads of a Slack of ours, most of them the next question once the one before has an
answer or an honest word, some of them two at once. What is counted is what went over Slack's wire:
a question has one answer or one word, none two, and answers show in the order in which was asked.
Most kills come one after the other; after every fifth it is quiet, and what the killed process was
writing has its word within 15 seconds. 8 minutes for 50 kills on two cores, and no more than 25
whatever happens. `--kills 10 --conversations 24` takes two.

One workspace of Slack takes 40 edits a minute, which is 40 answers: 200 people would wait for that
alone. So this Slack takes `RATE` times as many, and so many are made.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fakes.postgresql import PostgresqlServer, find_programs, running_server
from tests.fakes.rate_limits import Clock
from tests.fakes.timeline import Step
from tests.scenarios.setup.setup_house import TOKENS, House, open_house

KILLS, CONVERSATIONS = 50, 200
PROCESSES = 4
RATE = 40
"""How many times the calls of one workspace a minute are taken, and made."""
QUESTIONS_A_S = 4.0
"""How many are asked a second, of all conversations together."""
PAIRS = 0.2
"""The part of questions that are asked with another one right after them."""
AFTER_S = 0.5
"""How long after the first one was taken the second of them is asked."""
QUIET_EVERY = 5
"""After which number of kills it is quiet, so that a takeover can be measured."""
MOST_S = 1_300.0
"""When no more processes are killed, however many there were."""
PATIENCE_S = 60.0
"""How long a person waits for an answer before the next question."""
TAKEOVER_S = 15.0
TIDYING_S = 60
"""How long it is waited at the end for answers, and for messages to be removed."""
DELIVERIES = 5
"""How often Slack delivers an event that nobody acknowledges."""
_WORDS = " ".join(f"word{number:02}" for number in range(40))
_LAST_WORD = "word39"
_CUT = re.compile(
    "interrupted by a restart|being restarted|shut down|went wrong|is busy|questions are open"
)
_ANSWER = re.compile(r"You said: number \d+-(\d+)")
_SLACK = {name: value for name, value in TOKENS.items() if name.startswith("SLACK")}
_RUNNING = (
    "SELECT turns.conversation FROM turns JOIN processes ON processes.id = turns.process"
    " WHERE turns.status = 'running' AND processes.host LIKE '%:{pid}'"
)


@dataclass
class Thread:
    """A conversation as it is seen: the bot's messages in it, and the answers that showed."""

    words: dict[str, str] = field(default_factory=dict)
    """What each message says that is over and not deleted, by its time stamp."""
    order: list[int] = field(default_factory=list)
    """The questions whose answers showed, the first to show first."""
    open: set[str] = field(default_factory=set)
    """Messages that are not over."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def show(self, step: Step) -> None:
        """Take in what a message says by now."""
        found = _ANSWER.search(step.content)
        self.words.pop(step.message, None)
        self.open.discard(step.message)
        self.changed.set()
        if step.kind == "delete":
            return
        if found and int(found[1]) not in self.order:
            self.order.append(int(found[1]))
        if _LAST_WORD in step.content or _CUT.search(step.content):
            self.words[step.message] = step.content
        elif step.kind != "ephemeral":
            self.open.add(step.message)

    @property
    def answered(self) -> Sequence[int]:
        """The questions that have a whole answer."""
        whole = [said for said in self.words.values() if not _CUT.search(said)]
        return [int(found[1]) for said in whole if (found := _ANSWER.search(said))]


@dataclass
class Soak:
    """The run: its processes, and what has become of the questions."""

    house: House
    server: PostgresqlServer
    folder: Path
    stack: AsyncExitStack
    random: random.Random
    conversations: int
    processes: dict[int, asyncio.subprocess.Process] = field(default_factory=dict)
    threads: defaultdict[str, Thread] = field(default_factory=lambda: defaultdict(Thread))
    """By channel: each conversation has one."""
    asked: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """The time stamps of the questions of each."""
    counts: Counter[str] = field(default_factory=Counter)
    takeovers_s: list[float] = field(default_factory=list)
    waits_s: list[float] = field(default_factory=list)
    url: str = ""
    database: str = ""

    async def start(self, number: int) -> None:
        """Start a process in its folder, and wait until it has a connection."""
        connections = self.house.slack.fake.connections
        env = {
            **_SLACK,
            "FAKE_SLACK_RATE": str(RATE),
            "PARLANCE_DATABASE_URL": self.url,
            "PARLANCE_DATA_DIR": str(self.folder / f"data{number}"),
        }
        self.processes[number] = await self.stack.enter_async_context(
            self.house.started("run", env=env)
        )
        await self.house.slack.fake.until(lambda: self.house.slack.fake.connections > connections)

    async def kill_at_random(self, kills: int) -> None:
        """Kill one process after the other, each again and again, without a word."""
        until = time.monotonic() + MOST_S
        while self.counts["kills"] < kills and time.monotonic() < until:
            await asyncio.sleep(self.random.uniform(1, 4))
            number = self.random.randrange(PROCESSES)
            process = self.processes[number]
            if process.returncode is not None:
                self.counts["ended by itself"] += 1
            else:
                writing = await self._writing(process.pid)
                process.kill()
                await process.wait()
                self.counts["kills"] += 1
                if self.counts["kills"] % QUIET_EVERY == 0:
                    taken = [self._time_takeover(channel) for channel in writing]
                    await asyncio.gather(asyncio.sleep(TAKEOVER_S), *taken)
            await self.start(number)

    async def _writing(self, pid: int) -> Sequence[str]:
        """The channels that a process is answering in."""
        query = _RUNNING.format(pid=pid)
        rows = await asyncio.to_thread(self.server.execute, query, self.database)
        return [str(row[0]).split(":")[2] for row in rows]

    async def _time_takeover(self, channel: str) -> None:
        """Measure how long it takes until what was being written is over, one way or another."""
        began, thread = time.monotonic(), self.threads[channel]
        left = set(thread.open)
        with suppress(TimeoutError):
            async with asyncio.timeout(2 * TAKEOVER_S):
                while left := left & thread.open:
                    thread.changed.clear()
                    await thread.changed.wait()
        self.takeovers_s.append(time.monotonic() - began)

    async def watch(self) -> None:
        """Read what is shown as it is shown, until cancelled."""
        steps, read = self.house.slack.fake.timeline.steps, 0
        while True:
            while read < len(steps):
                step = steps[read]
                read += 1
                if step.by == "UBOT" and "/" in step.place and step.kind in _SHOWN:
                    self.threads[step.place.partition("/")[0]].show(step)
            await asyncio.sleep(0.05)

    async def converse(self, topic: int, ended: asyncio.Event) -> None:
        """Ask in a thread of its own, again and again until all kills are over."""
        channel = f"C{topic + 100}"
        asked, thread = self.asked[channel], self.threads[channel]
        pause_s = 2 * self.conversations / QUESTIONS_A_S
        while not ended.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(self.random.uniform(0, pause_s)):
                    await ended.wait()
                    return
            await self._ask(channel, topic)
            if self.random.random() < PAIRS:
                await asyncio.sleep(AFTER_S)
                await self._ask(channel, topic)
            began = time.monotonic()
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_S):
                    while len(thread.words) < len(asked):
                        thread.changed.clear()
                        await thread.changed.wait()
            self.waits_s.append(time.monotonic() - began)

    async def _ask(self, channel: str, topic: int) -> None:
        asked = self.asked[channel]
        first = f"{1_800_000_000 + topic}.000100"
        ts = f"{1_800_000_000 + topic}.{len(asked) + 200:06}" if asked else first
        said = {"channel": channel, "user": _person(topic), "ts": ts}
        if asked:
            said["thread_ts"] = first
        said["text"] = f"<@UBOT> number {topic}-{len(asked)} {_WORDS}"
        asked.append(ts)
        await asyncio.gather(
            *(
                self._deliver({"type": kind, "channel_type": "channel", **said})
                for kind in ("app_mention", "message")
            )
        )

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
                await fake.until(lambda envelope=envelope: envelope in fake.acks, within_s=3)
                return
        self.counts["never acknowledged"] += 1

    async def assess(self) -> None:
        """Count what has become of the questions, once nothing changes any more."""
        for _ in range(TIDYING_S):
            if not self._column("SELECT 1 FROM lane_tickets") and not any(
                self._missing(channel) or self.threads[channel].open for channel in self.asked
            ):
                break
            await asyncio.sleep(1)
        stored = set(self._column("SELECT event_id FROM turns WHERE role = 'user'"))
        for channel, asked in self.asked.items():
            thread = self.threads[channel]
            answered, lost = thread.answered, self._missing(channel)
            unstored = sum(f"{channel}:{ts}" not in stored for ts in asked)
            self.counts["questions"] += len(asked)
            self.counts["answers"] += len(answered)
            self.counts["honest words"] += len(thread.words) - len(answered)
            self.counts["answered twice"] += len(answered) - len(set(answered))
            self.counts["said twice"] += max(0, -lost)
            self.counts["lost, never stored"] += min(max(0, lost), unstored)
            self.counts["lost"] += max(0, lost - unstored)
            self.counts["out of order"] += thread.order != sorted(thread.order)
            self.counts["left unfinished"] += len(thread.open)
        self.counts["tickets left"] = len(self._column("SELECT 1 FROM lane_tickets"))

    def _missing(self, channel: str) -> int:
        """How many questions have neither an answer nor a word."""
        return len(self.asked[channel]) - len(self.threads[channel].words)

    def _column(self, query: str) -> Sequence[object]:
        return [row[0] for row in self.server.execute(query, self.database)]


def _person(topic: int) -> str:
    return f"U{topic + 100}"


_SHOWN = ("create", "edit", "delete", "ephemeral")


async def soak(kills: int, conversations: int, seed: int) -> list[str]:
    """Run it, and print what was counted; returns what did not hold, one sentence each."""
    programs = find_programs()
    if programs is None:
        return ["There is no PostgreSQL here, so no processes could share one."]
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
            fake = house.slack.fake
            fake.spread = True
            assert fake.tiers is not None
            fake.tiers.clock = Clock(fake.tiers.clock.time_scale * RATE)
            for topic in range(conversations):  # Slack takes a message a second in a channel
                fake.workspace.channels[f"C{topic + 100}"] = [_person(topic)]
            run = Soak(house, server, folder, stack, random.Random(seed), conversations)
            url = server.create().url.set(drivername="postgresql")
            run.url, run.database = url.render_as_string(hide_password=False), str(url.database)
            watching = asyncio.create_task(run.watch())
            for number in range(PROCESSES):
                await run.start(number)
            ended = asyncio.Event()
            people = [
                asyncio.create_task(run.converse(topic, ended)) for topic in range(conversations)
            ]
            await run.kill_at_random(kills)
            ended.set()
            await asyncio.gather(*people)
            await run.assess()
            watching.cancel()
            await asyncio.wait([watching])
    return _problems(run)


def _problems(run: Soak) -> list[str]:
    counts = run.counts
    for what, number in sorted(counts.items()):
        print(f"  {what}: {number:,}")
    problems = [f"{counts[what]:,} {what}." for what in _WRONG if counts[what]]
    for what, times in (("a wait", run.waits_s), ("what was being written", run.takeovers_s)):
        times.sort()
        if times:
            middle, last = times[len(times) // 2], times[-1]
            print(f"  {what}, of {len(times):,}: median {middle:.1f} s, longest {last:.1f} s")
    late = sum(taken > TAKEOVER_S for taken in run.takeovers_s)
    if late:
        problems.append(f"{late:,} answers of killed processes were taken over too late.")
    return problems


_WRONG = (
    "lost", "lost, never stored", "answered twice", "said twice", "out of order",
    "left unfinished", "tickets left", "never acknowledged",
)  # fmt: skip


def main() -> int:
    """Run it from the command line; the status is 1 where something did not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--conversations", type=int, default=CONVERSATIONS)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    problems = asyncio.run(soak(given.kills, given.conversations, given.seed))
    for problem in problems:
        print(f"FAILED: {problem}")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
