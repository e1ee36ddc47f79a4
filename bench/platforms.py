"""The chat platforms: how fast an event is acknowledged, and many conversations at once.

The bot runs in a process of its own, as the application it is, on a scripted model that writes 20
tokens a second in every conversation; the platforms of ours run in this one.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import yaml

from bench.rows import Row
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord.state import CHANNEL, Json

EVENTS = 200
CONVERSATIONS = 200
CHANNELS = 25
"""Channels over which they are spread."""
TOKENS_PER_S = 20
ACK_MS = 300.0
LAG_MS = 100.0
EDIT_S = 1.0
_PATIENCE_S = 240.0


class Half(Protocol):
    """One platform's part of the bench."""

    name: str

    def arguments(self) -> Sequence[str]:
        """What `bench.platform_bot` needs to reach it."""
        ...

    async def connected(self) -> None: ...

    async def acknowledge(self, events: int) -> list[float]:
        """Send so many commands at once; the time to each acknowledgement, in seconds."""
        ...

    async def ask(self, texts: Sequence[str]) -> Sequence[int]:
        """Have another person begin a conversation with each text; returns their names."""
        ...

    def answer(self, conversation: int) -> str | None:
        """The whole answer once it is finished."""
        ...

    def gaps(self) -> list[float]:
        """The times between edits of one message, in seconds, over all messages."""
        ...


class DiscordHalf:
    """Discord: deferred interactions, mentions that open threads, edited messages."""

    name = "Discord"

    def __init__(self, fake: FakeDiscord) -> None:
        self.fake = fake
        self.channels = [fake.world.add_channel(50_000 + n) for n in range(CHANNELS)]

    def arguments(self) -> Sequence[str]:
        return ("--discord", str(self.fake.port))

    async def connected(self) -> None:
        await self.fake.until(self.fake.gateway.ready.is_set, within=60)
        await self.fake.until(lambda: self.fake.rest.registered, within=60)

    async def acknowledge(self, events: int) -> list[float]:
        tokens = await asyncio.gather(*(self.fake.command("help", {}) for _ in range(events)))
        world, rest = self.fake.world, self.fake.rest
        sent = [world.interactions[token] for token in tokens]
        await self.fake.until(lambda: all(i["id"] in rest.callbacks for i in sent), within=60)
        took = [rest.callbacks[i["id"]].at - i["sent"] for i in sent]
        await self.fake.until(lambda: self._quiet(events), within=60)
        return took

    def _quiet(self, answers: int) -> bool:
        done = [m for m in self.fake.from_bot(CHANNEL) if m["content"]]
        return len(done) >= answers

    async def ask(self, texts: Sequence[str]) -> Sequence[int]:
        people = [self.fake.world.add_user(10_000 + n, f"p{n}") for n in range(len(texts))]
        said = zip(people, itertools.cycle(self.channels), texts)
        return await asyncio.gather(
            *(
                self.fake.say(text, author=person, channel=channel, mention=True)
                for person, channel, text in said
            )
        )

    def answer(self, conversation: int) -> str | None:
        messages = self.fake.from_bot(conversation)
        if not any("Why this answer?" in self.fake.buttons(m) for m in messages):
            return None
        return "\n".join(m["content"] for m in messages)

    def gaps(self) -> list[float]:
        edits: list[Json] = [m for m in self.fake.from_bot() if "edits" in m]
        return [b - a for m in edits for a, b in pairwise(m["edits"])]


async def _discord(stack: AsyncExitStack) -> Half:
    return DiscordHalf(await stack.enter_async_context(FakeDiscord(validate=False)))


HALVES: list[Callable[[AsyncExitStack], Awaitable[Half]]] = [_discord]
"""The platforms that are measured; the conversations are shared out among them."""


def _config(folder: Path) -> Path:
    many = 10_000
    said = {
        "data_dir": str(folder / "data"),
        "models": {
            "default": {"backend": "scripted", "tokens_per_s": TOKENS_PER_S},
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
async def _bot(halves: Sequence[Half]) -> AsyncIterator[Callable[..., Any]]:
    """The bot in its process. Yields what asks it for the lag of its event loop so far."""
    with tempfile.TemporaryDirectory() as folder:
        config = await asyncio.to_thread(_config, Path(folder))
        arguments = [word for half in halves for word in half.arguments()]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bench.platform_bot",
            str(config),
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # the log: lines are made, and not kept
        )
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        async def lag() -> Mapping[str, float]:
            """Percentiles in seconds since the last time it was asked."""
            stdin.write(b"lag\n")
            await stdin.drain()
            answer: Mapping[str, float] = json.loads(await stdout.readline())
            return answer

        try:
            await asyncio.gather(*(half.connected() for half in halves))
            yield lag
        finally:
            stdin.close()
            await process.wait()


def _percentile(values: Sequence[float], percent: float) -> float:
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
        async with _bot(halves) as lag:
            for half in halves:
                took = await half.acknowledge(EVENTS)
                found.append(
                    _at_most(
                        f"{half.name}: acknowledgement, {EVENTS} events at once, p99",
                        _percentile(took, 99) * 1000,
                        "ms",
                        ACK_MS,
                    )
                )
            await lag()
            wrong, seconds = await _conversations(halves, 40 if quick else 120)
            late = await lag()
            names = " and ".join(half.name for half in halves)
            what = f"{CONVERSATIONS} conversations at once on {names}"
            gaps = [gap for half in halves for gap in half.gaps()]
            fastest = min(gaps, default=math.inf)
            found += [
                _at_most(f"{what}: answers lost, doubled or out of order", wrong, "answers", 0),
                Row(
                    f"{what}: shortest time between two edits of a message",
                    fastest,
                    "s",
                    f"≥ {EDIT_S:g}",
                    fastest >= EDIT_S * 0.95,  # the clocks of two processes and a socket between
                ),
                _at_most(f"{what}: event-loop lag, p99", late["p99"] * 1000, "ms", LAG_MS),
                Row(f"{what}: until the last was answered", seconds, "s", "", None),
            ]
    return found


def _at_most(name: str, value: float, unit: str, most: float) -> Row:
    return Row(name, value, unit, f"≤ {most:g}", value <= most)
