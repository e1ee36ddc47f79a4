"""The core by itself: what a turn costs beside its model, how many fit in a second, what stays.

The model is scripted and answers at once, unless said otherwise; conversations are kept in SQLite
on disk, and the log is written as JSON at level info.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, redirect_stderr
from dataclasses import dataclass, field
from io import TextIOBase
from pathlib import Path

import psutil
import structlog

from backends.scripted.backend import ScriptedBackend
from bench.lag import watched
from bench.rows import Row
from bot.config.core import LoggingSettings
from bot.events import Message
from bot.history.sql_store import SqlHistoryStore
from bot.observability.logs import configure
from bot.observability.metrics import Metrics
from bot.storage.address import DatabaseAddress
from bot.storage.database import Database
from bot.turns.core import Core
from bot.turns.runner import TurnLimits
from bot.types import Author, ConversationKey, Limits, View
from tests.fakes.core import Bench
from tests.fakes.skills import CHAT

CONVERSATIONS = 50
ANSWER = "The logs rotate every day at midnight, and seven of them are kept. " * 3
SPREAD_S = 1.0
"""Within how long the conversations of one round ask; people do not press enter in one instant."""

_events = itertools.count()


@dataclass
class TimingSink:
    """Notes when the first text came, and when the reply was over."""

    limits: Limits = field(default_factory=lambda: Limits(2000, 1.0))
    asked: float = 0.0
    first_text: float = 0.0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self, view: View) -> None:
        await self.update(view)

    async def update(self, view: View) -> None:
        if view.text and not self.first_text:
            self.first_text = time.perf_counter()

    async def finish(self, view: View) -> None:
        await self.update(view)
        assert view.state == "complete", view
        self.over.set()


class Nowhere(TextIOBase):
    """Where the log goes: lines are made, and not kept."""

    def write(self, text: str, /) -> int:
        return len(text)


def terminal() -> Limits:
    """The pace of the terminal, so that the wait before a last edit does not set the rate."""
    return Limits(2000, 0.05)


@asynccontextmanager
async def core(
    backend: ScriptedBackend, address: DatabaseAddress | None = None
) -> AsyncIterator[Core]:
    """A core as the bot has it, with everything around it on disk, or in a database elsewhere."""
    limits = TurnLimits(max_turns=20_000, per_person=20_000, per_channel=20_000)
    with tempfile.TemporaryDirectory(prefix="parlance-bench-") as folder:
        database = await Database.open(address or Path(folder) / "parlance.db")
        store = SqlHistoryStore(database)
        made = Bench([CHAT], store=store, backend=backend, limits=limits, metrics=Metrics())
        try:
            yield made.core
        finally:
            await made.core.close()
            await database.close()


async def ask(core: Core, number: int, sink: TimingSink) -> TimingSink:
    """One question in conversation `number`, until its reply is over."""
    key = ConversationKey("bench", "work", f"c{number}")
    person = Author("bench", f"p{number}", "Somebody")
    sink.asked = time.perf_counter()
    await core.accept(
        Message(f"e{os.getpid()}-{next(_events)}", key, person, "How do the logs rotate?"), sink
    )
    await sink.over.wait()
    return sink


async def overhead(rounds: int) -> tuple[Sequence[float], float]:
    """Seconds from an event to its first text, with 50 conversations going on at 20 tokens/s; and
    the 99th percentile of the event loop's lag meanwhile."""
    backend = ScriptedBackend("default", replies=[ANSWER], cycle=True, tokens_per_s=20)
    found: list[float] = []

    async def converse(dispatcher: Core, number: int) -> None:
        await asyncio.sleep(SPREAD_S * number / CONVERSATIONS)
        for _ in range(rounds):
            sink = await ask(dispatcher, number, TimingSink())
            found.append(sink.first_text - sink.asked - 1 / 20)

    async with core(backend) as dispatcher, watched() as lag:
        async with asyncio.TaskGroup() as group:
            for number in range(CONVERSATIONS):
                group.create_task(converse(dispatcher, number))
        return found, lag.take()["p99"]


async def throughput(turns: int) -> float:
    """Turns a second, 50 conversations asking as fast as they are answered."""
    backend = ScriptedBackend("default", replies=[ANSWER], cycle=True)

    async def converse(dispatcher: Core, number: int) -> None:
        for _ in range(turns // CONVERSATIONS):
            await ask(dispatcher, number, TimingSink(terminal()))

    async with core(backend) as dispatcher:
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(CONVERSATIONS):
                group.create_task(converse(dispatcher, number))
        return turns / (time.perf_counter() - began)


async def memory(conversations: int) -> float:
    """MB of resident memory that each 10,000 finished conversations leave behind."""
    backend = ScriptedBackend("default", replies=[ANSWER], cycle=True)

    async def talk(dispatcher: Core, numbers: range) -> None:
        for number in numbers:
            await ask(dispatcher, number, TimingSink(terminal()))

    async def talk_all(dispatcher: Core, begin: int, end: int) -> int:
        each = (end - begin) // CONVERSATIONS
        async with asyncio.TaskGroup() as group:
            for at in range(begin, end, each):
                group.create_task(talk(dispatcher, range(at, at + each)))
        gc.collect()
        resident: int = psutil.Process().memory_info().rss
        return resident

    async with core(backend) as dispatcher:
        before = await talk_all(dispatcher, 0, 1_000)
        after = await talk_all(dispatcher, 1_000, 1_000 + conversations)
    return (after - before) / 1e6 * 10_000 / conversations


@contextmanager
def logging_as_in_production() -> Iterator[None]:
    """Lines of the log are made, and not kept; afterwards logging is what it was before."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with redirect_stderr(Nowhere()):
        configure(LoggingSettings(format="json"))
        try:
            yield
        finally:
            structlog.reset_defaults()
            root.handlers[:] = handlers
            root.setLevel(level)


async def rows(quick: bool) -> list[Row]:
    """The rows of the core."""
    with logging_as_in_production():
        waits, lag = await overhead(2 if quick else 5)
        rate = await throughput(500 if quick else 3_000)
        left = await memory(2_000 if quick else 10_000)
    p50 = statistics.median(waits) * 1e3
    p99 = sorted(waits)[int(len(waits) * 0.99)] * 1e3
    return [
        Row("core overhead, 50 conversations, p50", p50, "ms", "≤ 10", p50 <= 10),
        Row("core overhead, 50 conversations, p99", p99, "ms", "", None),
        Row("event-loop lag, 50 conversations, p99", lag * 1e3, "ms", "≤ 50", lag <= 0.05),
        Row("turns with history on disk", rate, "turns/s", "≥ 300", rate >= 300),
        Row("memory added by 10,000 conversations", left, "MB", "≤ 30", left <= 30),
    ]


if __name__ == "__main__":
    for row in asyncio.run(rows("--quick" in sys.argv)):
        print(row)
