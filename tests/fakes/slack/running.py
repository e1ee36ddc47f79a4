"""The real adapter and core, running in front of the Slack of ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

from backends.base import ChatMessage, Sampling
from bot.adapters.slack import SlackAdapter, Timing
from bot.commands.declaration import Option, command
from bot.config.platforms import SlackSettings
from bot.events import CommandCall
from bot.skills.context import Context
from bot.skills.skill import Skill
from bot.types import Notice, Text
from tests.fakes.core import Bench
from tests.fakes.slack.server import FakeSlack
from tests.until import PATIENCE_S

QUICK = Timing(
    edit_interval=0.02, retry_base=0.02, attempts=4, backoff_base=0.02, backoff_cap=0.1,
    ping_interval=PATIENCE_S, handshake=PATIENCE_S, lookup=PATIENCE_S,
    person_lookup=PATIENCE_S, context_lookup=PATIENCE_S,
)  # fmt: skip
LONG = Sampling(max_tokens=20_000)
FILE_LIMIT = 1000


async def _answer(ctx: Context) -> Any:
    """Says to the model what was said before, what is attached, and what is said."""
    lines = [f"{'us' if q.from_us else q.author}: {q.text}" for q in ctx.event.context]
    files = [(await a.read(FILE_LIMIT)).decode() for a in ctx.attachments]
    said = "\n".join([*lines, *files, ctx.event.text or ""])
    async for part in ctx.generate([ChatMessage("user", said)], sampling=LONG):
        yield part


@command("paint")
async def paint(
    ctx: Context,
    what: Annotated[str, Option("What to paint", multiline=True)],
    colour: Annotated[Literal["red", "green"], Option("Which colour")] = "red",
    times: Annotated[int, Option("How often", min_value=1, max_value=3)] = 1,
    framed: Annotated[bool, Option("With a frame")] = False,
) -> Any:
    """Paint something."""
    ctx.record.model = "default"
    yield Text(f"{what} in {colour}, {times} times{', framed' if framed else ''}")


@command("read", menu="Read this", takes_file=True, form=lambda given: given.get("what") == "file")
async def read(ctx: Context, what: str = "", last: int = 0) -> Any:
    """Say what stands here, as a model would: in a thread, a message, a file, or the channel."""
    ctx.record.model = "default"
    call = ctx.event
    target = call.target if isinstance(call, CommandCall) else None
    if target is not None and target.replies is not None:
        quotes = await target.replies(100)
    elif target is not None:
        quotes = [target]
    else:
        quotes = await call.earlier(last or 100) if call.earlier is not None else []
    said = [f"{'us' if q.from_us else q.author}: {q.text}" for q in quotes]
    files = [(await a.read(FILE_LIMIT)).decode() for a in ctx.attachments]
    yield Text("\n".join([*said, *files]) or "nothing")


@command("note", menu="Note this down")
async def note(ctx: Context, what: str) -> Any:
    """Take a note."""
    target = getattr(ctx.event, "target", None)
    yield Notice(f"noted {what} by {target.author if target else 'nobody'}", private=True)


SKILLS = (Skill("chat", commands=(paint, read, note), answer=_answer),)


class Bot:
    """The adapter as it runs, with its core."""

    def __init__(self, fake: FakeSlack, bench: Bench, **settings: Any) -> None:
        self.fake = fake
        self.bench = bench
        self.adapter = SlackAdapter(
            SlackSettings(**settings), "xoxb-test-bot-token", "xapp-test-app-token",
            timing=QUICK, base_url=fake.api_url,
        )  # fmt: skip
        self._task: asyncio.Task[None] | None = None

    def asked(self) -> list[str]:
        """What the model was asked, question by question."""
        return [r.messages[-1].content for r in self.bench.backend.requests]

    async def start(self) -> None:
        connections = self.fake.connections
        self._task = asyncio.create_task(self.adapter.run(self.bench.core))
        await self.fake.until(lambda: self.fake.connections > connections)

    async def stop(self) -> None:
        await self.bench.core.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


@asynccontextmanager
async def running(bot: Bot) -> AsyncIterator[Bot]:
    """The bot, from start to stop."""
    await bot.start()
    try:
        yield bot
    finally:
        await bot.stop()
