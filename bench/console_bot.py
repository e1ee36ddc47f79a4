"""The bot whose console `bench.console` measures, in a process of its own.

    python -m bench.console_bot CONFIG

A line on standard input asks for something, and a line of JSON answers: `link` for a link into the
console, `memory` for the resident memory in bytes, `turns N` has so many turns go through the core,
and tells how many a second. The end of the input ends it.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any, Final

import psutil

from backends.gil import shorten_switch_interval
from bench.core import CONVERSATIONS, TimingSink
from bot.app import App, open_app
from bot.config.core import LoggingSettings
from bot.events import Message
from bot.installation import Installation
from bot.observability.logs import configure
from bot.ports import open_ports
from bot.types import Author, ConversationKey, Limits
from tests.fakes.platforms import FakePlatform

_events: Final = itertools.count()


async def run_turns(app: App, turns: int) -> float:
    """Turns a second, 50 new conversations asking as fast as they are answered."""
    begun = next(_events)

    async def converse(number: int) -> None:
        key = ConversationKey("bench", "work", f"c{begun}-{number}")
        person = Author("bench", f"p{number}", "Somebody")
        for _ in range(turns // CONVERSATIONS):
            sink = TimingSink(Limits(2000, 1.0))
            event = Message(f"{time.time_ns()}-{next(_events)}", key, person, "How so?")
            await app.core.accept(event, sink)
            await sink.over.wait()

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(CONVERSATIONS):
            group.create_task(converse(number))
    return turns / (time.perf_counter() - began)


async def answer(app: App, asked: str) -> Any:
    """What a line asks for."""
    what, _, number = asked.partition(" ")
    if what == "link":
        place = ConversationKey("terminal", "local", "main")
        return await app.sign_in.operator_link("terminal:operator", place)
    if what == "turns":
        return await run_turns(app, int(number))
    gc.collect()
    return psutil.Process().memory_info().rss


async def serve(config: Path) -> None:
    """Serve until the input ends."""
    lines = asyncio.StreamReader()
    reader = asyncio.StreamReaderProtocol(lines)
    await asyncio.get_running_loop().connect_read_pipe(lambda: reader, sys.stdin)
    here = await asyncio.to_thread(Installation.read, config)
    async with open_app(here) as app:
        platform = FakePlatform("bench")
        with app.core.connect(platform):
            async with open_ports(app, [platform], lambda: None):
                while asked := await lines.readline():
                    sys.stdout.write(json.dumps(await answer(app, asked.decode().strip())) + "\n")
                    sys.stdout.flush()


if __name__ == "__main__":
    configure(LoggingSettings(level="warning", format="json"))
    shorten_switch_interval()  # as `parlance` does
    asyncio.run(serve(Path(sys.argv[1])))
