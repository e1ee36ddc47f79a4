"""The console with 100,000 turns in the store: its pages, its first paint, and what it costs turns.

Run where it is named. The bot is in a process of its own (`bench.console_bot`), with a scripted
model that answers at once.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from bench.console_store import fill_store
from bench.core import ANSWER
from bench.platforms import percentile
from bench.rows import Row, at_least, at_most, unmeasured

TURNS: Final = 100_000
PAGE_MS: Final = 150.0
PAINT_MS: Final = 300.0
PAINT_KB: Final = 150.0
STREAMS: Final = 200
CONSOLES: Final = 5
FLAT: Final = 1.03
_MODEL: Final = {"backend": "scripted", "replies": [ANSWER], "cycle": True, "tools": False}
_MIDDLE: Final = "place=discord:100000000000000001:200000000000000007"
PAGES: Final = {
    "Now": "/",
    "Turns, the newest": "/turns",
    "Turns, by time to the end": "/turns?sort=-total",
    "Turns, by tokens, a page in the middle": "/turns?sort=-written&after=200.50000",
    "Turns, of a person": "/turns?person=discord:300000000000000030",
    "Turns, of a channel, by wait": f"/turns?sort=-wait&{_MIDDLE}",
    "Turns, failed ones of a model": "/turns?status=failed&model=large",
    "Turns, in a state that none has": "/turns?status=refused",
    "Turns, of a model that none has": "/turns?model=none",
    "Turns, of a skill that none has": "/turns?skill=none",
    "a turn": "/turns/a00005000",
    "Usage, 30 days": "/usage",
    "Usage, 90 days": "/usage?days=90",
    "Health": "/health",
}
"""A page of each kind, and where it is under `/console`."""


@dataclass(frozen=True, slots=True)
class BotProcess:
    """The bot's process, which answers one question at a time."""

    process: asyncio.subprocess.Process

    async def ask(self, what: str) -> Any:
        """Ask for something, as `bench.console_bot` says."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{what}\n".encode())
        await self.process.stdin.drain()
        return json.loads(await self.process.stdout.readline())

    async def sign_in(self, http: httpx.AsyncClient) -> str:
        """Let a client into the console; returns the address that the console has."""
        link = await self.ask("link")
        base: str = link.partition("/console")[0]
        answer = await http.post(link, headers={"origin": base})
        assert answer.status_code == 303, answer.text
        return f"{base}/console"


@asynccontextmanager
async def bot_process(turns: int) -> AsyncIterator[BotProcess]:
    """A bot with so many turns in its store."""
    many = 100_000
    with tempfile.TemporaryDirectory(prefix="parlance-bench-") as name:
        folder = Path(name)
        data = folder / "data"
        data.mkdir(mode=0o700)
        await fill_store(data / "parlance.db", turns)
        said = {
            "data_dir": str(data),
            "models": {"default": _MODEL, "embedder": {"backend": "scripted"}},
            "embedder": "embedder",
            "knowledge": {"bases": {}},
            "http": {"port": 0},
            "limits": {
                "max_turns": many, "per_person": many, "per_channel": many, "max_queue": many,
            },
        }  # fmt: skip
        config = folder / "config.yaml"
        config.write_text(yaml.safe_dump(said), "utf-8")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.console_bot", str(config),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            yield BotProcess(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()


async def time_pages(http: httpx.AsyncClient, base: str, rounds: int) -> list[Row]:
    """Each page again and again, in turn; by the 95th percentile."""
    times: dict[str, list[float]] = {name: [] for name in PAGES}
    for number in range(rounds + 1):
        for name, path in PAGES.items():
            began = time.perf_counter()
            answer = await http.get(f"{base}{path}")
            if number:  # the first one is compiled
                times[name].append(1000 * (time.perf_counter() - began))
            assert answer.status_code == 200, (path, answer.text)
    return [
        at_most(f"{name}: p95", percentile(found, 95), "ms", PAGE_MS)
        for name, found in times.items()
    ]


async def time_paint(http: httpx.AsyncClient, base: str, rounds: int) -> list[Row]:
    """The first paint of a browser that has seen nothing of it before, and what it loads."""
    names = ("first paint on loopback, cold", "… loaded for it")
    path = shutil.which("chromium")
    if path is None:
        return [unmeasured(name, "there is no Chromium") for name in names]
    try:
        from playwright.async_api import async_playwright
    except ImportError:
        return [unmeasured(name, "there is no Playwright") for name in names]
    cookies = [
        {"name": one.name, "value": one.value or "", "url": base.removesuffix("/console")}
        for one in http.cookies.jar
    ]
    paints: list[float] = []
    sizes: list[float] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path)
        for _ in range(rounds):
            context = await browser.new_context()
            await context.add_cookies(cookies)  # type: ignore[arg-type]
            page = await context.new_page()
            await page.goto(f"{base}/turns", wait_until="load")
            paint, size = await page.evaluate(_PAINT)
            paints.append(paint)
            sizes.append(size / 1000)
            await context.close()
        await browser.close()
    return [
        at_most(names[0], statistics.median(paints), "ms", PAINT_MS),
        at_most(names[1], max(sizes), "kB", PAINT_KB),
    ]


_PAINT: Final = """
new Promise((done) => requestAnimationFrame(() => setTimeout(() => {
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  const loaded = [...performance.getEntriesByType("navigation"),
                  ...performance.getEntriesByType("resource")];
  done([paint.startTime, loaded.reduce((sum, one) => sum + one.transferSize, 0)]);
})))
"""


@dataclass(slots=True)
class Watched:
    """The numbers of the states that an event stream has sent."""

    numbers: list[int]

    async def read(self, http: httpx.AsyncClient, base: str) -> None:
        """Read until cancelled."""
        async with http.stream("GET", f"{base}/now/events", timeout=None) as answer:
            assert answer.status_code == 200
            async for line in answer.aiter_lines():
                if line.startswith("id: "):
                    self.numbers.append(int(line[4:]))


@asynccontextmanager
async def watching(http: httpx.AsyncClient, base: str, count: int) -> AsyncIterator[list[Watched]]:
    """So many consoles that show what goes on now."""
    streams = [Watched([]) for _ in range(count)]
    tasks = [asyncio.create_task(one.read(http, base)) for one in streams]
    try:
        async with asyncio.timeout(60):
            while not all(one.numbers for one in streams):
                await asyncio.sleep(0.05)
                for task in tasks:
                    if task.done():
                        task.result()
        yield streams
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def time_turns(
    bot: BotProcess, http: httpx.AsyncClient, base: str, rounds: int, turns: int
) -> list[Row]:
    """Turns a second with consoles open, beside none, taking turns at going first."""
    await bot.ask(f"turns {turns}")
    rates: dict[int, list[float]] = {0: [], CONSOLES: []}
    for number in range(rounds):
        for consoles in (0, CONSOLES) if number % 2 else (CONSOLES, 0):
            async with watching(http, base, consoles):
                rates[consoles].append(await bot.ask(f"turns {turns}"))
    ratio = statistics.median(a / b for a, b in zip(rates[CONSOLES], rates[0], strict=True))
    plain = statistics.median(rates[0])
    return [
        at_least(f"turns a second with {CONSOLES} consoles open, beside none", ratio, "×", 0.95),
        Row("… without one", plain, "turns/s", "", None),
    ]


async def watch_streams(
    bot: BotProcess, http: httpx.AsyncClient, base: str, seconds: float
) -> list[Row]:
    """Many streams, while turns go on: what the process weighs, and what does not arrive."""
    async with watching(http, base, STREAMS) as streams:
        await bot.ask("turns 500")
        await asyncio.sleep(seconds / 4)
        before = await bot.ask("memory")
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            await bot.ask("turns 100")
            await asyncio.sleep(0.5)
        after = await bot.ask("memory")
        await asyncio.sleep(3)  # for what was sent last
        lost = count_lost(streams)
        seen = min(len(one.numbers) for one in streams)
    return [
        at_most(f"{STREAMS} event streams, {seconds:g} s: memory at the end beside the beginning",
                after / before, "×", FLAT),
        at_most("… events lost", lost, "", 0),
        Row("… events that each has got", seen, "", "", None),
    ]  # fmt: skip


def count_lost(streams: Sequence[Watched]) -> int:
    """The states between the first and the last of each stream, and the last one of all, that a
    stream has not sent."""
    last = max(one.numbers[-1] for one in streams)
    return sum(last - one.numbers[0] + 1 - len({*one.numbers}) for one in streams) + sum(
        b <= a for one in streams for a, b in itertools.pairwise(one.numbers)
    )


async def rows(quick: bool) -> list[Row]:
    """The rows of the console; `quick` has a tenth of the turns in the store."""
    async with AsyncExitStack() as stack:
        bot = await stack.enter_async_context(bot_process(TURNS // 10 if quick else TURNS))
        limits = httpx.Limits(max_connections=None)
        http = await stack.enter_async_context(httpx.AsyncClient(limits=limits, timeout=60))
        base = await bot.sign_in(http)
        return [
            *await time_pages(http, base, 10 if quick else 40),
            *await time_paint(http, base, 3 if quick else 7),
            *await time_turns(bot, http, base, 3 if quick else 5, 500 if quick else 1500),
            *await watch_streams(bot, http, base, 8.0 if quick else 30.0),
        ]
