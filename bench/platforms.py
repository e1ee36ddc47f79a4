"""The chat platforms: how fast an event is acknowledged, and many conversations at once.

The bot runs in a process of its own, as the application it is, on a scripted model that writes 20
tokens a second in every conversation; the platforms of ours run in this one.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from bench.halves import DiscordHalf, Half, SlackHalf
from bench.rows import Row
from tests.fakes.discord import FakeDiscord
from tests.fakes.slack import FakeSlack

EVENTS = 200
CONVERSATIONS = 200
TOKENS_PER_S = 20
ACK_MS = 300.0
LAG_MS = 100.0
EDIT_S = 1.0
_MODEL = {"backend": "scripted", "tokens_per_s": TOKENS_PER_S}
_PATIENCE_S = 240.0


async def _discord(stack: AsyncExitStack) -> Half:
    return DiscordHalf(await stack.enter_async_context(FakeDiscord(validate=False)))


async def _slack(stack: AsyncExitStack) -> Half:
    return SlackHalf(await stack.enter_async_context(FakeSlack()))


HALVES: list[Callable[[AsyncExitStack], Awaitable[Half]]] = [_discord, _slack]
"""The platforms that are measured; the conversations are shared out among them."""


def _config(folder: Path, model: Mapping[str, Any]) -> Path:
    many = 10_000
    said = {
        "data_dir": str(folder / "data"),
        "models": {
            "default": dict(model),
            "embedder": {"backend": "scripted"},
        },
        "embedder": "embedder",
        "knowledge": {"bases": {}},
        "limits": {"max_turns": many, "per_person": many, "per_channel": many, "max_queue": many},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(said), "utf-8")
    return path


@asynccontextmanager
async def bot_process(
    halves: Sequence[Half], model: Mapping[str, Any]
) -> AsyncIterator[Callable[[str], Awaitable[Mapping[str, float]]]]:
    """The bot in its process, on a model with these options. Yields what asks it for figures: of
    the `lag` of its event loop so far, or of when the model's answers came to their `ends`."""
    with tempfile.TemporaryDirectory() as folder:
        config = await asyncio.to_thread(_config, Path(folder), model)
        arguments = [word for half in halves for word in half.arguments()]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bench.platform_bot",
            str(config),
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 20,
            stderr=asyncio.subprocess.DEVNULL,  # the log: lines are made, and not kept
        )
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        async def figures(what: str) -> Mapping[str, float]:
            stdin.write(f"{what}\n".encode())
            await stdin.drain()
            answer: Mapping[str, float] = json.loads(await stdout.readline())
            return answer

        try:
            await asyncio.gather(*(half.connected() for half in halves))
            yield figures
        finally:
            stdin.close()
            await process.wait()


def percentile(values: Sequence[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(len(ordered) * percent / 100) - 1)]


async def _conversations(halves: Sequence[Half], words: int) -> tuple[int, float]:
    """Have all of them talk at once; how many answers were wrong, and how long it took."""
    began = time.monotonic()
    share = CONVERSATIONS // len(halves)
    asked: list[tuple[Half, int, str]] = []
    for number, half in enumerate(halves):
        texts = [" ".join(f"p{number}c{c:03}w{w:03}" for w in range(words)) for c in range(share)]
        asked += [(half, c, t) for c, t in zip(await half.ask(texts), texts, strict=True)]
    ends = began + _PATIENCE_S
    while any(h.answer(c) is None for h, c, _ in asked):  # no common event
        if time.monotonic() > ends:
            break
        await asyncio.sleep(0.25)
    wrong = sum(1 for half, c, text in asked if _spoken(half.answer(c) or "") != text.split())
    return wrong, time.monotonic() - began


def _spoken(answer: str) -> list[str]:
    return [word for word in answer.split() if word.startswith("p") and "w" in word]


async def rows(quick: bool) -> list[Row]:
    """Acknowledgement of each platform, then conversations on all of them at once."""
    found: list[Row] = []
    async with AsyncExitStack() as stack:
        halves = [await make(stack) for make in HALVES]
        async with bot_process(halves, _MODEL) as figures:
            for half in halves:
                took = await half.acknowledge(EVENTS)
                found.append(
                    at_most(
                        f"{half.name}: acknowledgement, {EVENTS} events at once, p99",
                        percentile(took, 99) * 1000,
                        "ms",
                        ACK_MS,
                    )
                )
            await figures("lag")
            wrong, seconds = await _conversations(halves, 40 if quick else 120)
            late = await figures("lag")
            names = " and ".join(half.name for half in halves)
            what = f"{CONVERSATIONS} conversations at once on {names}"
            gaps = [gap for half in halves for gap in half.gaps()]
            fastest = min(gaps, default=math.inf)
            found += [
                at_most(f"{what}: answers lost, doubled or out of order", wrong, "answers", 0),
                Row(
                    f"{what}: shortest time between two edits of a message",
                    fastest,
                    "s",
                    f"≥ {EDIT_S:g}",
                    fastest >= EDIT_S * 0.95,  # the clocks of two processes and a socket between
                ),
                at_most(f"{what}: event-loop lag, p99", late["p99"] * 1000, "ms", LAG_MS),
                Row(f"{what}: until the last was answered", seconds, "s", "", None),
            ]
    return found


def at_most(name: str, value: float, unit: str, most: float) -> Row:
    return Row(name, value, unit, f"≤ {most:g}", value <= most)
