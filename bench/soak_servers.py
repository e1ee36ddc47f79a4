"""A part of `make soak`: many turns with a server of tools that does all that one should not.

    python -m bench.soak_servers [--turns 1000] [--seed 1]

It is slow, dies, floods its standard error, sends 50 MB, asks questions, starts processes and
writes what is no message. At the end every turn must have ended with an answer, and no process,
open file or task may be left over. The server is that of the tests, on this machine alone.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import psutil

from backends.base import ChatRequest
from backends.scripted.backend import ScriptedBackend
from backends.scripted.script import Reply, ScriptedCall
from bot.config.core import LoggingSettings
from bot.observability.logs import configure
from bot.testing import Parlance, running_skills
from tests.fakes.tool_servers import hostile, recorded

TURNS: Final = 1_000
_AT_ONCE: Final = 8
_TURN_S: Final = 120.0
_CALLS: Final = {
    "look": 20,
    "fail": 10,
    "broken": 10,
    "junk": 10,
    "steps": 10,
    "parts": 10,
    "ask": 10,
    "sample": 5,
    "spawn": 5,
    "die": 5,
    "hang": 3,
    "flood": 1,
    "huge": 1,
}
"""What is called, and how often beside the others."""
_SETTLE_S: Final = 10.0


async def soak(turns: int, seed: int) -> list[str]:
    """Run it; what did not hold, one sentence each."""
    us, loop_tasks = psutil.Process(), len(asyncio.all_tasks())
    with tempfile.TemporaryDirectory(prefix="parlance-soak-") as name:
        folder = Path(name)
        await _play(folder, min(turns, _AT_ONCE), seed)  # what is made once is made now
        files, threads = us.num_fds(), us.num_threads()
        states = await _play(folder, turns, seed)
        started = [int(pid) for word in ("started", "child") for pid in recorded(folder, word)]
        print(f"{turns} turns: {dict(states)}; {len(started)} processes were started")
        problems = []
        if states["complete"] != turns:
            problems.append(f"the turns did not all end with an answer: {dict(states)}")
        if left := await asyncio.to_thread(_living, started):
            problems.append(f"{left} processes are left.")
        gc.collect()
        await asyncio.sleep(1)
        if (tasks := len(asyncio.all_tasks())) > loop_tasks:
            problems.append(f"{tasks - loop_tasks} tasks are left.")
        if (now := us.num_fds()) > files:
            problems.append(f"{now - files} files or sockets are left open.")
        if (now := us.num_threads()) > threads + 4:  # the default executor grows to its size
            problems.append(f"{now - threads} threads are left.")
        return problems


def _living(started: Sequence[int]) -> int:
    """How many of these processes are still there after a while."""
    found = [psutil.Process(pid) for pid in started if psutil.pid_exists(pid)]
    return len(psutil.wait_procs(found, timeout=_SETTLE_S)[1])


async def _play(folder: Path, turns: int, seed: int) -> Counter[str]:
    dice = random.Random(seed)
    names, weights = list(_CALLS), list(_CALLS.values())

    def answer(request: ChatRequest) -> Reply | str:
        if request.messages[-1].role == "tool":
            return "Well."
        name = dice.choices(names, weights)[0]
        return Reply(tool_calls=(ScriptedCall(name=f"it_{name}", arguments={"where": "x"}),))

    server = {**hostile(folder), "open": True, "read": names, "timeout_s": 5}
    model = ScriptedBackend("default", answer=answer)
    daily = {"person": {"daily_steps": 0}, "place": {"daily_seconds": 0}}
    states: Counter[str] = Counter()
    async with running_skills(
        plugins=["plugins.agent"],
        models=[model],
        folder=folder,
        sections={"mcp": {"servers": {"it": server}}, "agent": daily},
        patience_s=_TURN_S,
    ) as core:
        numbers = iter(range(turns))
        await asyncio.gather(*(_person(core, numbers, states) for _ in range(_AT_ONCE)))
    return states


async def _person(core: Parlance, numbers: Iterator[int], states: Counter[str]) -> None:
    for number in numbers:
        answer = await core.say("/agent look at x", channel=f"c{number}", user=f"u{number}")
        states[answer.state] += 1


def main() -> None:
    """Soak, and say what did not hold."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak_servers", description=__doc__)
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    configure(LoggingSettings(level="error"))
    problems = asyncio.run(soak(arguments.turns, arguments.seed))
    for problem in problems:
        print(f"FAILED: {problem}")
    print("failed" if problems else "all held")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
