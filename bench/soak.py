"""`make soak`: half an hour of mixed load on the real core, engine, pool and database.

    python -m bench.soak [--minutes 30] [--seed 1] [--kills 50] [--conversations 200]

People ask, change their minds, press Stop, switch models, delete their questions; one model fails
at random, one lives in a child process that is killed now and then. After that many use tools at
once, in a process that is killed (`bench.soak_agents`), a server of tools does all that one should
not (`bench.soak_servers`), and four processes on one PostgreSQL are killed again and again
(`bench.soak_processes`). At the end every accepted event must have ended in one reply, and no task,
thread, sequence or child process may be left.
Everything stays on this machine and ends by itself; the exit status says whether all of it held.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import psutil
import yaml

from backends.gil import shorten_switch_interval
from bench.soak_processes import CONVERSATIONS, KILLS
from bench.soak_processes import soak as soak_processes
from bot.app import App, open_app
from bot.config.core import LoggingSettings
from bot.events import ActionCall, CommandCall, Event, Message, MessageDeleted
from bot.installation import Installation
from bot.observability.logs import configure
from bot.types import Author, ConversationKey, Limits, View

PEOPLE = 12
MODELS = ("default", "flaky", "child")
WORDS = "logs tea rivers queues lighthouses weather trains music mountains maps history glass"


class CountingSink:
    """Counts how a reply ended; ending twice is the failure that it looks for."""

    limits = Limits(2000, 0.2)

    def __init__(self) -> None:
        self.turn = ""
        self.ends: list[str] = []
        self.over = asyncio.Event()

    async def start(self, view: View) -> None:
        self.turn = view.turn

    async def update(self, view: View) -> None:
        self.turn = view.turn

    async def finish(self, view: View) -> None:
        self.ends.append(view.state)
        self.over.set()


class Person:
    """Asks and meddles until the time is up."""

    def __init__(self, number: int, app: App, seed: int) -> None:
        self.author = Author("soak", str(number), f"person {number}")
        self.key = ConversationKey("soak", "work", f"channel-{number % 4}", f"thread-{number}")
        self.random = random.Random(seed * 1000 + number)
        self.app = app
        self.sinks: list[CountingSink] = []
        self.count = 0

    async def live(self, until: float) -> None:
        """One turn after another, with pauses."""
        while time.monotonic() < until:
            sink = CountingSink()
            event = self._event()
            self.sinks.append(sink)
            await self.app.core.accept(event, sink)
            await self._meddle(event, sink)
            await asyncio.wait_for(sink.over.wait(), 300)
            await asyncio.sleep(self.random.uniform(0, 0.5))

    def _event(self) -> Event:
        self.count += 1
        name = f"{self.author.id}-{self.count}"
        dice = self.random.random()
        if dice < 0.1:
            options = {"action": "use", "name": self.random.choice(MODELS), "scope": "here"}
            return CommandCall(name, self.key, self.author, "model", options)
        if dice < 0.15:
            return CommandCall(name, self.key, self.author, "nonsense", text="x")
        if dice < 0.2:
            text = "word " * self.random.randint(700, 799)
            return Message(name, self.key, self.author, text)
        words = " ".join(self.random.choices(WORDS.split(), k=self.random.randint(2, 12)))
        return Message(name, self.key, self.author, f"Say two sentences about {words}.")

    async def _meddle(self, event: Event, sink: CountingSink) -> None:
        if self.random.random() > 0.3:
            return
        await asyncio.sleep(self.random.uniform(0, 2))
        if self.random.random() < 0.5:
            stop = ActionCall(f"{event.id}-stop", self.key, self.author, "stop", sink.turn)
            await self.app.core.accept(stop, CountingSink())
        else:
            gone = MessageDeleted(f"{event.id}-gone", self.key, self.author, event.id)
            await self.app.core.accept(gone, CountingSink())


def write_config(folder: Path) -> Path:
    """A configuration with a real model, a failing one, and one in a child process."""
    default = Installation.read().specs["default"].replicas[0]
    config = {
        "data_dir": str(folder / "data"),
        "models": {
            "default": {"backend": "llama_cpp", **default.options, "parallel": 4},
            "flaky": {
                "backend": "scripted",
                "tokens_per_s": 40,
                "replies": [
                    {"text": "A few words that come one by one, and then the end."},
                    {"text": "This one breaks off.", "error": "unavailable", "fail_after": 2},
                    {"text": "", "error": "protocol", "fail_after": 0},
                ],
                "cycle": True,
            },
            "child": {"backend": "scripted", "tokens_per_s": 40, "isolation": "process"},
            "minilm": {"backend": "onnx"},
        },
        "knowledge": {"sync": []},
        "limits": {"per_channel": 64},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


async def kill_children(until: float, seed: int) -> int:
    """End the engine's child process the hard way, now and then; only our own children."""
    dice, killed = random.Random(seed), 0
    while time.monotonic() < until:
        await asyncio.sleep(dice.uniform(20, 40))
        for child in psutil.Process().children():
            child.kill()
            killed += 1
    return killed


async def soak(minutes: float, seed: int) -> list[str]:
    """Run it; what did not hold, one sentence each."""
    problems: list[str] = []
    threads_before = threading.active_count()
    with tempfile.TemporaryDirectory() as folder:
        here = Installation.read(write_config(Path(folder)))
        async with open_app(here) as app:
            until = time.monotonic() + minutes * 60
            people = [Person(number, app, seed) for number in range(PEOPLE)]
            killing = asyncio.create_task(kill_children(until, seed))
            await asyncio.gather(*(person.live(until) for person in people))
            killing.cancel()
            await asyncio.wait([killing])
            sinks = [sink for person in people for sink in person.sinks]
            ends = Counter(sink.ends[0] if len(sink.ends) == 1 else "?" for sink in sinks)
            print(f"{len(sinks):,} events: " + ", ".join(f"{n} {s}" for s, n in ends.items()))
            if ends["?"]:
                problems.append(f"{ends['?']} events did not end exactly once.")
            if len(app.core.open_turns):
                problems.append(f"{len(app.core.open_turns)} turns are still open.")
            for status in app.pool.status():
                print(
                    f"  {status.model}: {status.answered} answered, {status.failed} failed, "
                    f"{status.cancelled} cancelled"
                )
                if status.busy or status.queued:
                    problems.append(f"{status.model}: {status.busy} slots are still busy.")
    gc.collect()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    if tasks:
        problems.append(f"{len(tasks)} tasks are left: {sorted(t.get_name() for t in tasks)[:5]}")
    if children := psutil.Process().children(recursive=True):
        problems.append(f"{len(children)} child processes are left.")
    pooled = sum(1 for t in threading.enumerate() if t.name.startswith("asyncio_"))
    if threading.active_count() - pooled > threads_before:
        names = sorted(t.name for t in threading.enumerate())
        problems.append(f"threads are left: {names}")
    return problems


def main() -> None:
    """Soak, and say what did not hold."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--conversations", type=int, default=CONVERSATIONS)
    arguments = parser.parse_args()
    configure(LoggingSettings(level="error"))
    shorten_switch_interval()  # as `parlance` does
    from bench.soak_agents import AGENTS  # it needs the sinks of this one
    from bench.soak_agents import soak as soak_agents
    from bench.soak_servers import TURNS
    from bench.soak_servers import soak as soak_servers

    problems = asyncio.run(soak(arguments.minutes, arguments.seed))
    problems += asyncio.run(soak_agents(AGENTS, arguments.seed))
    problems += asyncio.run(soak_servers(TURNS, arguments.seed))
    problems += asyncio.run(
        soak_processes(arguments.kills, arguments.conversations, arguments.seed)
    )
    for problem in problems:
        print(f"FAILED: {problem}")
    print("failed" if problems else "all held")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
