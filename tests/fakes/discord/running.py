"""The real adapter and core, running in front of the Discord of ours."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Annotated, Any, Literal, TypeVar, cast

from backends.base import ChatMessage, Sampling
from bot.adapters.discord import DiscordAdapter, Timing
from bot.commands.declaration import Option, command
from bot.events import ContextMessage
from bot.skills.context import Context
from bot.skills.skill import Skill
from bot.types import Notice, Text
from tests.fakes.core import Bench
from tests.fakes.discord.server import FakeDiscord
from tests.until import PATIENCE_S

QUICK = Timing(
    edit_interval=0.05,
    retry_base=0.02,
    attempts=4,
    backoff_base=0.02,
    backoff_cap=0.1,
    identify_pause=0.02,
    ready_timeout=0.05,
    request_patience=2.0,
    lookup=PATIENCE_S,
    context_lookup=PATIENCE_S,
)


LONG = Sampling(max_tokens=20_000)


async def _answer(ctx: Context) -> Any:
    if ctx.event.text == "recap" and ctx.event.earlier is not None:
        ctx.record.model = "default"
        yield _lines(await ctx.event.earlier(3))
        return
    lines = [f"{q.author}: {q.text}" for q in ctx.event.context]
    files = [(await a.read(1000)).decode() for a in ctx.attachments]
    said = "\n".join([*lines, *files, ctx.event.text or ""])
    async for part in ctx.generate([ChatMessage("user", said)], sampling=LONG):
        yield part


def _lines(quotes: Sequence[ContextMessage]) -> Text:
    return Text(" | ".join(f"{q.author}: {q.text}" for q in quotes) or "nothing")


@command("recap", menu="Recap")
async def recap(ctx: Context, last: int = 3) -> Any:
    """Say once more what was said, as a model would."""
    ctx.record.model = "default"
    target = getattr(ctx.event, "target", None)
    read = target.replies if target is not None else ctx.event.earlier
    yield _lines(await read(last)) if read is not None else Text("there is nothing to read")


async def _colours(asked: Any) -> list[str]:
    return [c for c in ("red", "green", "blue") if c.startswith(asked.prefix)]


@command("paint")
async def paint(
    ctx: Context,
    what: Annotated[str, Option("What to paint")],
    colour: Annotated[str, Option("Which colour", complete=_colours)] = "red",
    times: Annotated[int, Option("How often", min_value=1, max_value=3)] = 1,
) -> Any:
    """Paint something."""
    ctx.record.model = "default"
    yield Text(f"{what} in {colour}, {times} times")


async def _never(asked: Any) -> list[str]:
    await asyncio.sleep(3600)
    return ["never"]


@command("slow")
async def slow(ctx: Context, what: Annotated[str, Option("What", complete=_never)] = "") -> Any:
    """Complete slowly."""
    yield Text(what)


@command("note", menu="Note this down")
async def note(ctx: Context, what: str = "") -> Any:
    """Take a note."""
    target = getattr(ctx.event, "target", None)
    yield Notice(f"noted {what} by {target.author if target else 'nobody'}", private=True)


@command("read", takes_file=True)
async def read(ctx: Context, what: str = "") -> Any:
    """Read a file out."""
    files = [(await a.read(1000)).decode() for a in ctx.attachments]
    yield Text(f"{what}: {', '.join(files) or 'nothing'}")


@command("say")
async def say(ctx: Context, what: str) -> Any:
    """Have the model say something."""
    async for part in ctx.generate([ChatMessage("user", what)], sampling=LONG):
        yield part


SKILLS = (Skill("chat", commands=(paint, note, read, recap, say, slow), answer=_answer),)


class Bot:
    """The adapter as it runs, with its core."""

    def __init__(self, fake: FakeDiscord, adapter: DiscordAdapter, bench: Bench) -> None:
        self.fake = fake
        self.adapter = adapter
        self.bench = bench
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.fake.gateway.ready.clear()
        self.task = asyncio.create_task(self.adapter.run(self.bench.core))
        ready = asyncio.create_task(self._ready())
        await asyncio.wait(
            {self.task, ready}, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED
        )
        ready.cancel()
        if self.task.done():
            self.task.result()

    async def _ready(self) -> None:
        if self.adapter.listening:
            await self.fake.gateway.ready.wait()
        else:
            await self.fake.until(lambda: self.adapter.connected, "logged in")

    async def stop(self) -> None:
        await self.bench.core.close()
        await self.kill()

    async def kill(self) -> None:
        """End the adapter as it is, answers and all."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)


B = TypeVar("B", bound=Bot)


class Given:
    """Gives every event to an adapter as JSON, as a process does that shares a database with it.

    `put` returns what `says` is, after `pause` has been set; it raises what `fails` is.
    """

    def __init__(self, taker: DiscordAdapter) -> None:
        self.taker = taker
        self.says: Literal["here", "elsewhere", "known"] = "elsewhere"
        self.fails: Exception | None = None
        self.events: list[tuple[str, str, str, Any]] = []
        """Keys, places, people and payloads."""
        self.free = asyncio.Event()
        self.free.set()

    async def put(
        self,
        platform: str,
        key: str,
        event: str,
        place: str,
        person: str,
        payload: Mapping[str, Any],
    ) -> Literal["here", "elsewhere", "known"]:
        assert (platform, event) == ("discord", key)
        written = json.dumps(payload)
        self.events.append((key, place, person, json.loads(written)))
        await self.free.wait()
        if self.fails is not None:
            raise self.fails
        if self.says == "elsewhere":
            await self.taker.handle_received(json.loads(written))
        return self.says


class Pair(Bot):
    """Two processes of one bot: a front, which hears of what happens, and a worker, which answers.

    `bench` is the worker's; both have the same store, replies and model.
    """

    def __init__(self, fake: FakeDiscord, front: Bot, worker: Bot) -> None:
        super().__init__(fake, worker.adapter, worker.bench)
        self.front, self.worker = front, worker
        self.given = Given(worker.adapter)
        front.bench.core = replace(front.bench.core, received=cast(Any, self.given))

    async def start(self) -> None:
        await self.worker.start()
        await self.front.start()

    async def stop(self) -> None:
        await self.front.stop()
        await self.worker.stop()

    async def kill(self) -> None:
        await self.front.kill()
        await self.worker.kill()


@asynccontextmanager
async def running(bot: B) -> AsyncIterator[B]:
    """The bot, from start to stop."""
    await bot.start()
    try:
        yield bot
    finally:
        await bot.stop()
