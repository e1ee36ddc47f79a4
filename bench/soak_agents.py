"""A part of `make soak`: many models with tools at once, in a process that is killed twice.

    python -m bench.soak_agents [--agents 200] [--seed 1]

Each has three steps: it looks, sends something that must be approved, and looks again. People press
at random, also twice. At the end every turn must have ended once, every call must be accounted for,
and nothing may have been sent twice. The folder of the run is the child's argument.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import yaml

from bench.soak import CountingSink
from bot.adapters.protocol import Core
from bot.app import open_app
from bot.commands.checks import Asker
from bot.config.core import LoggingSettings
from bot.events import ActionCall, Message
from bot.installation import Installation
from bot.observability.logs import configure
from bot.types import Author, ConversationKey

AGENTS = 200
_KILLS = (
    "SELECT 1 FROM tool_calls WHERE tool = 'send'",
    "SELECT 1 FROM tool_calls WHERE tool = 'send' AND state = 'done'",
)
"""The process is killed when there are some of these, each once."""
_SHARE_BEFORE_KILL = (0.15, 0.4)
"""How many of them there are then, for each agent."""
_WITHIN_S = 300.0
_TOOLS = '''
import asyncio
import random
from bot.api import Context, hookimpl, tool


@tool()
async def look(ctx: Context, where: str) -> str:
    """Look somewhere."""
    await asyncio.sleep(random.uniform(0, 0.5))
    return f"Seen {where}."


@tool(effect="outward", matters=("to",))
async def send(ctx: Context, to: str) -> str:
    """Send something."""
    await asyncio.to_thread(_append, ctx.turn + "\\n")
    await asyncio.sleep(random.uniform(0, 0.5))
    return "Sent."


def _append(line):
    with open(SENT, "a") as file:
        file.write(line)


@hookimpl
def register_tools():
    return [look, send]
'''


def _call(match: str, name: str, **arguments: str) -> dict[str, Any]:
    return {"match": match, "tool_calls": [{"name": name, "arguments": arguments}]}


_OPEN = (
    "SELECT id FROM turns WHERE status IN ('running', 'waiting') "
    "UNION SELECT turn FROM tool_calls WHERE state = 'untold'"
)
_REPLIES = [
    _call("Seen first", "send", to="eve"),
    _call("Sent.", "look", where="second"),
    _call("refused this", "look", where="second"),
    {"match": "Seen second", "text": "That is the end."},
    _call("task", "look", where="first"),
]


class Crowd:
    """Everybody, as an adapter: asks what was not asked yet, and presses until nothing waits."""

    name = "soak"

    def __init__(self, folder: Path, agents: int, seed: int) -> None:
        self._database = folder / "data" / "parlance.db"
        self._agents = agents
        self._dice = random.Random(seed)
        self._presses = 0
        self.sinks: list[CountingSink] = []

    async def run(self, core: Core) -> None:
        with core.connect(self):
            asked = {row[0] for row in await self._rows("SELECT event_id FROM turns")}
            for number in range(self._agents):
                if f"e{number}" not in asked:
                    place, author = _place(number), Author("soak", str(number), f"P{number}")
                    ask = Message(f"e{number}", place, author, f"/agent task {number}")
                    await core.accept(ask, self._sink())
            while await self._goes_on():
                waiting = await self._rows(
                    "SELECT turn, conversation, person FROM suspended WHERE choice = ''"
                )
                for turn, conversation, person in waiting:
                    if self._dice.random() < 0.2:
                        await self._press(core, turn, ConversationKey.parse(conversation), person)
                await asyncio.sleep(0.2)

    async def _goes_on(self) -> bool:
        asked = await self._rows("SELECT 1 FROM turns WHERE role = 'user'")
        return len(asked) < self._agents or bool(await self._rows(_OPEN))

    async def _press(self, core: Core, turn: str, place: ConversationKey, person: str) -> None:
        for _ in range(self._dice.choice((1, 1, 2))):
            self._presses += 1
            author = Author("soak", person.partition(":")[2], "somebody")
            name = f"press-{time.monotonic_ns()}-{self._presses}"
            choice = self._dice.choice(("approve", "approve", "refuse"))
            press = ActionCall(name, place, author, "resume", turn, choice)
            await core.accept(press, self._sink())

    def _sink(self) -> CountingSink:
        self.sinks.append(CountingSink())
        return self.sinks[-1]

    async def _rows(self, query: str) -> Sequence[Any]:
        return await asyncio.to_thread(_read, self._database, query)

    async def open_reply(
        self, conversation: ConversationKey, audience: Author | None, *, turn: str
    ) -> CountingSink:
        return self._sink()

    async def asker_now(self, person: str, place: ConversationKey) -> Asker | None:
        return Asker(Author("soak", person.partition(":")[2], "somebody"), place)

    async def check(self) -> Sequence[str]:
        return ()

    async def channels_of(self, person: str, channels: Collection[str]) -> frozenset[str]:
        return frozenset()

    async def role_problem(self, roles: Collection[str]) -> str | None:
        return None


def _place(number: int) -> ConversationKey:
    return ConversationKey("soak", "work", f"c{number}")


def _read(database: Path, query: str) -> Sequence[Any]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()


def _write_config(folder: Path) -> None:
    (folder / "plugins").mkdir()
    (folder / "plugins" / "tools.py").write_text(
        _TOOLS.replace("SENT", repr(str(folder / "sent"))), "utf-8"
    )
    model = {"backend": "scripted", "replies": _REPLIES, "first_token_s": 0.5}
    config = {
        "data_dir": str(folder / "data"),
        "models": {"default": model, "embedder": {"backend": "scripted"}},
        "embedder": "embedder",
        "knowledge": {"sync": []},
        "limits": {"max_queue": 1_000},
        "plugins": {"folders": [str(folder / "plugins")]},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config), "utf-8")


async def serve(folder: Path, agents: int, seed: int) -> None:
    """What the child does: everything, until nothing waits any more."""
    crowd = Crowd(folder, agents, seed)
    async with open_app(Installation.read(folder / "config.yaml")) as app:
        await app.serve([crowd], restart=False)
    if twice := sum(len(sink.ends) > 1 for sink in crowd.sinks):
        sys.exit(f"{twice} replies ended more than once")


async def soak(agents: int, seed: int) -> list[str]:
    """Run it, kill it twice, run it to its end; what did not hold, one sentence each."""
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="parlance-soak-") as name:
        folder = Path(name)
        _write_config(folder)
        for kill in (*_KILLS, ""):
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bench.soak_agents", "--serve", name),
                *("--agents", str(agents), "--seed", str(dice.randrange(1_000))),
            )
            try:
                if kill:
                    least = int(agents * dice.uniform(*_SHARE_BEFORE_KILL))
                    await _called(child, folder / "data" / "parlance.db", kill, least)
                else:
                    await asyncio.wait_for(child.wait(), _WITHIN_S)
            finally:
                if child.returncode is None:
                    child.kill()
                    await child.wait()
            if not kill and child.returncode:
                return ["the agents' process ended with an error"]
        return _problems(folder, agents)


async def _called(child: asyncio.subprocess.Process, database: Path, kill: str, least: int) -> None:
    """Wait until so many calls are as they should be before this kill, or the child has ended."""
    async with asyncio.timeout(_WITHIN_S):
        while child.returncode is None:
            if await asyncio.to_thread(_count, database, kill) >= least:
                return
            await asyncio.sleep(0.05)


def _count(database: Path, query: str) -> int:
    try:
        return len(_read(database, query))
    except sqlite3.Error:  # it is being made
        return 0


def _problems(folder: Path, agents: int) -> list[str]:
    database = folder / "data" / "parlance.db"
    answers = Counter(s for (s,) in _read(database, "SELECT status FROM turns WHERE author = ''"))
    calls = _read(database, "SELECT turn, tool, state FROM tool_calls")
    states = Counter(state for _, _, state in calls)
    path = folder / "sent"
    sent = Counter(path.read_text("utf-8").split() if path.exists() else ())
    print(f"{sum(answers.values())} agents: {dict(answers)}; calls: {dict(states)}")
    problems = [] if sent else ["nothing was sent at all."]
    if sum(answers.values()) != agents or answers["running"] or answers["waiting"]:
        problems.append(f"the agents' turns did not each end once: {dict(answers)}")
    if answers["failed"]:
        problems.append(f"{answers['failed']} agents' turns failed.")
    if open_calls := states["waiting"] + states["running"] + states["untold"]:
        problems.append(f"{open_calls} calls of tools are not accounted for.")
    if twice := [turn for turn, times in sent.items() if times > 1]:
        problems.append(f"{len(twice)} agents sent something twice.")
    known = {turn for turn, tool, state in calls if tool == "send" and state in ("done", "unknown")}
    if lost := set(sent) - known:
        problems.append(f"{len(lost)} agents sent something that is not accounted for.")
    return problems


def main() -> None:
    """Soak, and say what did not hold; or serve, as its child."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak_agents", description=__doc__)
    parser.add_argument("--agents", type=int, default=AGENTS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--serve", type=Path, default=None, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    configure(LoggingSettings(level="error"))
    if arguments.serve is not None:
        asyncio.run(serve(arguments.serve, arguments.agents, arguments.seed))
        return
    problems = asyncio.run(soak(arguments.agents, arguments.seed))
    for problem in problems:
        print(f"FAILED: {problem}")
    print("failed" if problems else "all held")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
