"""The real adapter and a core on a scripted model before the Slack of ours, and people."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from backends.base import ChatMessage, Sampling
from backends.scripted.backend import ScriptedBackend
from bot.adapters.slack import SlackAdapter, Timing
from bot.commands.declaration import command
from bot.config.platforms import SlackSettings
from bot.http.routes import Routes
from bot.http.server import serve_http
from bot.skills.context import Context
from bot.skills.skill import Skill
from tests.fakes.core import Bench
from tests.fakes.slack.server import FakeSlack
from tests.fakes.slack.state import Posted
from tests.until import PATIENCE_S

BOT_TOKEN = "xoxb-test-bot-token"
APP_TOKEN = "xapp-test-app-token"
CHANNEL = "C1"
PRIVATE = "G1"
DM = "D1"
ADA = "U0ADA"
SWIFT = Timing(
    edit_interval=0.02, retry_base=0.02, attempts=5, backoff_base=0.02, backoff_cap=0.1,
    ping_interval=PATIENCE_S, handshake=PATIENCE_S, lookup=PATIENCE_S,
    person_lookup=PATIENCE_S, context_lookup=PATIENCE_S,
)  # fmt: skip
WORDS = " ".join(f"word{n}" for n in range(200))
_LONG = Sampling(max_tokens=20_000)
_ids = itertools.count(1)


async def _answer(ctx: Context) -> Any:
    async for part in ctx.generate([ChatMessage("user", ctx.event.text or "")], sampling=_LONG):
        yield part


@command("say", menu="Say this again")
async def say(ctx: Context, what: str) -> Any:
    """Have the model say something."""
    async for part in ctx.generate([ChatMessage("user", what)], sampling=_LONG):
        yield part


SKILLS = (Skill("chat", commands=(say,), answer=_answer),)


class ServedBot:
    """The adapter as it runs, with its core, and an HTTP port where it needs one."""

    def __init__(self, fake: FakeSlack, adapter: SlackAdapter, bench: Bench) -> None:
        self.fake = fake
        self.adapter = adapter
        self.bench = bench
        self.task: asyncio.Task[None] | None = None
        self.address = ""
        """Where the HTTP port is; empty if there is none."""
        self._port = AsyncExitStack()

    async def start(self) -> None:
        """Run, and wait until it hears Slack."""
        await self._open_port()
        self.task = asyncio.create_task(self.adapter.run(self.bench.core))
        async with asyncio.timeout(PATIENCE_S):
            while not self.adapter.connected:
                if self.task.done():
                    self.task.result()
                await asyncio.sleep(0.005)

    async def _open_port(self) -> None:
        routes = Routes()
        for path, part in self.adapter.routes.items():
            routes.mount(path, part)
        if routes:
            self.address = await self._port.enter_async_context(serve_http(routes, "127.0.0.1", 0))
            self.fake.events_url = f"{self.address}/slack/events"

    async def stop(self) -> None:
        """End the answers, then the adapter."""
        await self.bench.core.close()
        await self.kill()

    async def kill(self) -> None:
        """End the adapter as it is, answers and all."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
        await self._port.aclose()


def build_bot(
    fake: FakeSlack,
    settings: dict[str, Any] | None = None,
    bench: dict[str, Any] | None = None,
    **adapter: Any,
) -> ServedBot:
    """A bot that is not started yet."""
    known = {"app_token": APP_TOKEN, "timing": SWIFT, "base_url": fake.api_url, **adapter}
    token = known.pop("bot_token", BOT_TOKEN)
    made = SlackAdapter(SlackSettings(**(settings or {})), token, **known)
    return ServedBot(fake, made, Bench(**{"skills": SKILLS, **(bench or {})}))


@asynccontextmanager
async def served(bot: ServedBot) -> AsyncIterator[ServedBot]:
    """The bot, from start to stop."""
    await bot.start()
    try:
        yield bot
    finally:
        await bot.stop()


def speaking(text: str = WORDS, tokens_per_s: float = 1_500) -> dict[str, ScriptedBackend]:
    """A bench whose model says a text."""
    return {"backend": ScriptedBackend("default", replies=[text], tokens_per_s=tokens_per_s)}


# --- what people do, and what they see ------------------------------------------------------------


def stamp() -> str:
    """A time stamp that no message had before."""
    return f"{time.time():.0f}.{next(_ids):06d}"


async def write(
    fake: FakeSlack,
    text: str,
    channel: str = DM,
    *,
    ts: str = "",
    event_id: str = "",
    retry: int = 0,
) -> str:
    """Ask the bot, in a direct message or by a mention; returns the message's time stamp."""
    ts = ts or stamp()
    event: dict[str, Any] = {"channel": channel, "user": ADA, "ts": ts, "text": text}
    event |= {"type": "message", "channel_type": "im"}
    if channel != DM:
        event |= {"type": "app_mention", "text": f"<@UBOT> {text}"}
        del event["channel_type"]
    await fake.event(event, event_id=event_id or None, retry=retry)
    return ts


def unfinished(message: Posted) -> bool:
    """Whether it shows that more is to come."""
    return (
        message.streaming
        or "parlance:stop" in str(message.blocks)
        or "⏳" in str(message.blocks) + message.text
    )


def answers(fake: FakeSlack, channel: str | None = None) -> list[Posted]:
    """The bot's messages that everybody sees."""
    return [m for m in fake.workspace.by("UBOT", channel) if m.ephemeral_to is None]


def words(fake: FakeSlack, channel: str | None = None) -> list[str]:
    """The words of `WORDS` that are shown, in the order in which they are read."""
    said = " ".join(m.shown for m in answers(fake, channel)).split()
    return [w for w in said if w.startswith("word")]


async def whole(fake: FakeSlack, channel: str | None = None, text: str = WORDS) -> None:
    """Wait for the whole answer: each word once, in order, and nothing more to come."""
    await fake.until(
        lambda: words(fake, channel) == text.split() and not any(map(unfinished, answers(fake))),
        "the whole answer",
    )


async def begun(fake: FakeSlack, channel: str | None = None) -> Posted:
    """Wait for the first words of an answer."""
    await fake.until(lambda: words(fake, channel), "the first words")
    return answers(fake, channel)[-1]


async def greeted(fake: FakeSlack) -> None:
    """Somebody says hello, and is answered: the connection works."""
    before = len(answers(fake, DM))
    await write(fake, "hello")
    await fake.until(
        lambda: len(answers(fake, DM)) > before and not unfinished(answers(fake, DM)[-1]),
        "an answer",
    )
