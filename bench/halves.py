"""What `bench.platforms` asks of a platform of ours, on each of them."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

from tests.fakes.discord import FakeDiscord
from tests.fakes.discord.state import CHANNEL, Json
from tests.fakes.slack import FakeSlack
from tests.fakes.slack.agents import BOT
from tests.fakes.slack.state import Posted
from tests.fakes.timeline import Timeline

CHANNELS = 25
"""Channels over which the conversations are spread."""


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

    @property
    def timeline(self) -> Timeline: ...

    def place(self, conversation: int) -> tuple[str, str]:
        """Where it is answered, and the message of its question, as the timeline has them."""
        ...

    def calls(self) -> tuple[int, int]:
        """The calls so far, and those of them that were refused for their rate."""
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
        await self.fake.until(self.fake.gateway.ready.is_set)
        await self.fake.until(lambda: self.fake.rest.registered)

    async def acknowledge(self, events: int) -> list[float]:
        tokens = await asyncio.gather(*(self.fake.command("help", {}) for _ in range(events)))
        world, rest = self.fake.world, self.fake.rest
        sent = [world.interactions[token] for token in tokens]
        await self.fake.until(lambda: all(i["id"] in rest.callbacks for i in sent))
        took = [rest.callbacks[i["id"]].at - i["sent"] for i in sent]
        await self.fake.until(lambda: self._quiet(events))
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

    @property
    def timeline(self) -> Timeline:
        return self.fake.timeline

    def place(self, conversation: int) -> tuple[str, str]:
        return str(conversation), str(conversation)  # the thread of a message has its id

    def calls(self) -> tuple[int, int]:
        return len(self.fake.calls), sum(call.status == 429 for call in self.fake.calls)


class SlackHalf:
    """Slack: acknowledged envelopes, mentions that open threads, edited messages."""

    name = "Slack"

    def __init__(self, fake: FakeSlack) -> None:
        self.fake = fake
        self._asked: list[tuple[str, str]] = []

    def arguments(self) -> Sequence[str]:
        return ("--slack", self.fake.api_url)

    async def connected(self) -> None:
        await self.fake.until(lambda: self.fake.connections > 0)

    async def acknowledge(self, events: int) -> list[float]:
        sent = await asyncio.gather(*(self._command(n) for n in range(events)))
        acks = self.fake.acks
        await self.fake.until(lambda: all(e in acks for e in sent))
        took = [acks[e][0] - self.fake.sent[e] for e in sent]
        await self.fake.until(lambda: len(self._written()) >= events)
        return took

    async def _command(self, number: int) -> str:
        return await self.fake.deliver("slash_commands", {
            "command": "/help", "text": "", "team_id": "T1", "channel_id": "C0",
            "user_id": f"U{number}", "user_name": f"p{number}", "trigger_id": f"help{number}",
            "response_url": self.fake.response_url(), "api_app_id": "A1",
        })  # fmt: skip

    def _written(self) -> list[Posted]:
        return [m for m in self.fake.workspace.by(BOT) if m.shown]

    async def ask(self, texts: Sequence[str]) -> Sequence[int]:
        began = time.time()
        self._asked = [
            (f"C{100 + n % CHANNELS}", f"{began + n:.0f}.{n:06d}") for n in range(len(texts))
        ]
        for n, (text, (channel, ts)) in enumerate(zip(texts, self._asked, strict=True)):
            self.fake.workspace.add(Posted(channel, ts, f"U{1000 + n}", f"<@{BOT}> {text}"))
        await asyncio.gather(*(
            self.fake.event({
                "type": "app_mention", "text": f"<@{BOT}> {text}", "channel": channel,
                "user": f"U{1000 + n}", "ts": ts,
            })
            for n, (text, (channel, ts)) in enumerate(zip(texts, self._asked, strict=True))
        ))  # fmt: skip
        return range(len(texts))

    def answer(self, conversation: int) -> str | None:
        channel, thread = self._asked[conversation]
        found = [m for m in self.fake.workspace.by(BOT, channel) if m.thread_ts == thread]
        if not any("parlance:why" in json.dumps(m.blocks) for m in found):
            return None
        return "\n".join(m.shown for m in found)

    def gaps(self) -> list[float]:
        return [b - a for m in self.fake.workspace.by(BOT) for a, b in pairwise(m.edits)]

    @property
    def timeline(self) -> Timeline:
        return self.fake.timeline

    def place(self, conversation: int) -> tuple[str, str]:
        channel, ts = self._asked[conversation]
        return f"{channel}/{ts}", ts

    def calls(self) -> tuple[int, int]:
        return len(self.fake.calls), sum(call.limited for call in self.fake.calls)
