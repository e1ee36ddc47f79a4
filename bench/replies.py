"""How answers are shown while the platforms hold their rate limits.

The bot runs in a process of its own on a scripted model of 10 tokens a second in every
conversation; the platforms of ours run in this one, with Slack's tiers and Discord's buckets, in
real time. Each measurement has a bot and platforms of its own.
"""

from __future__ import annotations

import asyncio
import math
import random
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise

from bench.halves import DiscordHalf, Half, SlackHalf
from bench.platforms import at_most, bot_process, percentile
from bench.rows import Row
from bench.timed_backend import question
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord.rate_limits import Buckets
from tests.fakes.slack import FakeSlack
from tests.fakes.slack.rate_tiers import RateTiers
from tests.fakes.timeline import Step

TOKENS_PER_S = 10
EDITS_A_MINUTE = 50
"""What Slack allows a workspace."""
REFUSED_PERCENT = {"Slack": 0.0, "Discord": 1.0}
FINAL_S = 5.0
STILL_S = 5.0
STILL_SHARE = 1.3
FIRST_SIGN_MS = 500.0
MAX_EDITS = 12
FINAL_SHAPE_MS = 300.0
AT_ONCE = 20
_MODEL = {"backend": "timed", "tokens_per_s": TOKENS_PER_S}
_PATIENCE_S = 100.0
"""How long after the models' ends the last texts are waited for."""
_WORD = re.compile(r"\bw\d{3}\b")
_SIGNS = frozenset({"create", "ephemeral", "reaction", "typing", "status"})


@dataclass(frozen=True)
class Exchange:
    """A question, and what was shown of its answer; times on the clock of `time.monotonic`."""

    name: str
    words: int
    asked: float
    steps: Sequence[Step]
    """What the bot did about it; `at` is counted from `began`."""
    began: float

    def first_sign_s(self) -> float:
        """From the question to the first sign that it was heard."""
        signs = [step.at for step in self.steps if step.kind in _SIGNS]
        return self.began + min(signs, default=math.inf) - self.asked

    def growth(self) -> list[tuple[float, int]]:
        """When how many words of the answer were shown."""
        shown: dict[str, int] = {}
        found: list[tuple[float, int]] = []
        for step in self.steps:
            if not step.message:
                continue
            gone = step.kind == "delete"
            shown[step.message] = 0 if gone else len(set(_WORD.findall(step.content)))
            if sum(shown.values()) != (found[-1][1] if found else 0):
                found.append((self.began + step.at, sum(shown.values())))
        return found

    def is_whole(self) -> bool:
        return bool(growth := self.growth()) and growth[-1][1] >= self.words

    def final_s(self, ends: Mapping[str, float]) -> float:
        """From the model's end to the whole text."""
        if not self.is_whole() or self.name not in ends:
            return math.inf
        return max(0.0, self.growth()[-1][0] - ends[self.name])

    def still_s(self, now: float) -> float:
        """The longest time that a text which was not whole stood still; 0 if none was shown."""
        times = [at for at, words in self.growth() if words]
        if times and not self.is_whole():
            times.append(now)
        return max((b - a for a, b in pairwise(times)), default=0.0)

    def messages(self) -> int:
        """The messages of the answer that are there in the end."""
        made = {s.message for s in self.steps if s.kind == "create"}
        return len(made - {s.message for s in self.steps if s.kind == "delete"})

    def edits(self) -> int:
        return sum(step.kind == "edit" for step in self.steps)

    def to_final_shape(self, ends: Mapping[str, float]) -> tuple[int, float]:
        """Edits after the model's end, and the seconds until the last of them."""
        if not self.is_whole() or self.name not in ends:
            return 0, math.inf
        times = [self.began + s.at - ends[self.name] for s in self.steps if s.kind == "edit"]
        late = [seconds for seconds in times if seconds > 0]
        return len(late), max(late, default=0.0)


Figures = Callable[[str], Awaitable[Mapping[str, float]]]


@asynccontextmanager
async def _platforms() -> AsyncIterator[tuple[Sequence[Half], Figures]]:
    """Both platforms with their limits, and a bot on them."""
    async with AsyncExitStack() as stack:
        discord = FakeDiscord(validate=False, limits=Buckets())
        slack = FakeSlack(tiers=RateTiers())
        halves: Sequence[Half] = (
            SlackHalf(await stack.enter_async_context(slack)),
            DiscordHalf(await stack.enter_async_context(discord)),
        )
        yield halves, await stack.enter_async_context(bot_process(halves, _MODEL))


async def _exchange(
    half: Half, lengths: Sequence[int], patience_s: float, first: int = 0
) -> Sequence[Exchange]:
    """Ask for answers of these lengths at once, until all of them are whole or patience ends.

    The questions are numbered from `first`.
    """
    half.timeline.begin()
    began = half.timeline.began
    asked = await half.ask([question(n, words) for n, words in enumerate(lengths, first)])
    places = [half.place(conversation) for conversation in asked]

    def look() -> Sequence[Exchange]:
        by_place: dict[str, list[Step]] = {place: [] for place, _ in places}
        of_question = {message: place for place, message in places}
        asked_at: dict[str, float] = {}
        for step in half.timeline.steps:
            place = of_question.get(step.message, step.place)
            if step.message in of_question and step.kind == "create":
                asked_at[place] = began + step.at
            elif place in by_place:
                by_place[place].append(step)
        return [
            Exchange(f"q{n}", words, asked_at[place], by_place[place], began)
            for n, (words, (place, _)) in enumerate(zip(lengths, places, strict=True), first)
        ]

    until = time.monotonic() + max(lengths) / TOKENS_PER_S + patience_s
    while not all(exchange.is_whole() for exchange in look()):  # no common event
        if time.monotonic() > until:
            break
        await asyncio.sleep(2.0)
    await asyncio.sleep(3.0)  # an edit that only takes the buttons of a running answer away
    return look()


async def _many(total: int) -> AsyncIterator[Row]:
    """Answers of 10 to 30 seconds on both platforms at once."""
    dice = random.Random(7)
    lengths = [dice.randint(10 * TOKENS_PER_S, 30 * TOKENS_PER_S) for _ in range(total // 2)]
    async with _platforms() as (halves, figures):
        found = await asyncio.gather(
            *(_exchange(half, lengths, _PATIENCE_S, total * n) for n, half in enumerate(halves))
        )
        now = time.monotonic()
        ends = await figures("ends")
    for half, exchanges in zip(halves, found, strict=True):
        what = f"{half.name}: {len(lengths)} of {total} answers at once"
        calls, refused = half.calls()
        late = sorted(e.final_s(ends) for e in exchanges)
        in_time = sum(seconds <= FINAL_S for seconds in late) / len(late) * 100
        whole = sum(e.is_whole() for e in exchanges)
        bound = STILL_S
        if half.name == "Slack":
            bound = max(STILL_S, STILL_SHARE * len(lengths) / EDITS_A_MINUTE * 60)
        limit = REFUSED_PERCENT[half.name]
        yield at_most(f"{what}: refused with 429", refused / calls * 100, "%", limit)
        yield Row(f"{what}: whole in the end", whole, "answers", f"{len(late)}", whole == len(late))
        yield Row(
            f"{what}: text whole within {FINAL_S:g} s of the model's end",
            in_time,
            "%",
            "≥ 99",
            in_time >= 99,
        )
        yield Row(f"{what}: … p99", percentile(late, 99), "s", "", None)
        yield at_most(
            f"{what}: longest time that a shown text stands still",
            max(e.still_s(now) for e in exchanges),
            "s",
            round(bound, 1),
        )


async def _first_signs() -> AsyncIterator[Row]:
    async with _platforms() as (halves, _):
        for half in halves:
            exchanges = await _exchange(half, [2 * TOKENS_PER_S] * AT_ONCE, 30.0)
            p95 = percentile([e.first_sign_s() for e in exchanges], 95) * 1000
            what = f"{half.name}: first sign after a mention, {AT_ONCE} at once, p95"
            yield at_most(what, p95, "ms", FIRST_SIGN_MS)


async def _alone(seconds: int) -> AsyncIterator[Row]:
    async with _platforms() as (halves, figures):
        lengths = [seconds * TOKENS_PER_S]
        found = await asyncio.gather(
            *(_exchange(half, lengths, 30.0, n) for n, half in enumerate(halves))
        )
        ends = await figures("ends")
    for half, (exchange,) in zip(halves, found, strict=True):
        what = f"{half.name}: one answer of {seconds} s alone"
        messages = exchange.messages()
        yield Row(f"{what}: messages", messages, "messages", "1", messages == 1)
        yield at_most(f"{what}: edits", exchange.edits(), "edits", MAX_EDITS)
        edits, late_s = exchange.to_final_shape(ends)
        yield Row(f"{what}: edits after the model's end", edits, "edits", "1", edits == 1)
        yield at_most(
            f"{what}: model's end to the final shape", late_s * 1000, "ms", FINAL_SHAPE_MS
        )


async def rows(quick: bool) -> list[Row]:
    """One answer alone, a first sign to many, then many answers at once."""
    parts = (_alone(10 if quick else 20), _first_signs(), _many(60 if quick else 200))
    return [row for part in parts async for row in part]
