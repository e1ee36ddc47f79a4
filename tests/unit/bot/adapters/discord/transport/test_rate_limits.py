"""Discord limits all requests of a bot together: none is refused, and no answer is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.fakes.discord import FakeDiscord
from tests.fakes.discord.rate_limits import Buckets
from tests.fakes.discord.running import running
from tests.fakes.discord.state import CHANNEL
from tests.unit.bot.adapters.discord.inbound.test_messages import finished


def refused(fake: FakeDiscord) -> list[str]:
    return [f"{call.method} {call.path}" for call in fake.calls if call.status == 429]


@contextmanager
def stalls() -> Iterator[list[float]]:
    """For how long the event loop stood still, each time, in seconds."""
    loop = asyncio.get_running_loop()
    found: list[float] = []
    pause_s, quick_s = 0.005, 0.005

    async def watch() -> None:
        while True:
            before = loop.time()
            await asyncio.sleep(pause_s)
            late_s = loop.time() - before - pause_s
            if late_s > quick_s:
                found.append(late_s)

    watching = loop.create_task(watch())
    try:
        yield found
    finally:
        watching.cancel()


async def ask(fake: FakeDiscord, questions: int) -> list[int]:
    channels = [fake.world.add_channel(50_000 + n) for n in range(questions)]
    people = [fake.world.add_user(10_000 + n, f"p{n}") for n in range(questions)]
    said = (
        fake.say(f"question {n}", author=person, channel=channel, mention=True)
        for n, (person, channel) in enumerate(zip(people, channels, strict=True))
    )
    return list(await asyncio.gather(*said))


async def test_many_questions_at_once_made_more_requests_than_discord_takes(
    make: Any, fake: FakeDiscord
) -> None:
    async with running(make()):
        fake.limits = Buckets()
        with stalls() as stalled:
            asked = await ask(fake, 30)
            await fake.until(lambda: all(fake.from_bot(thread) for thread in asked))
            await fake.until(lambda: all(finished(fake, thread) for thread in asked))
    # What was sent apart arrives together where the machine stood still meanwhile, and no more than
    # that is refused; without the budget 52 are.
    assert len(refused(fake)) <= 50 * sum(stalled)
    assert all("question" in fake.from_bot(thread)[-1]["content"] for thread in asked)


async def test_a_press_does_not_wait_for_requests_that_are_counted_elsewhere(
    make: Any, fake: FakeDiscord
) -> None:
    async with running(make()) as bot:
        run = bot.adapter._running
        assert run is not None
        requests = run.client_holder.requests
        requests.pause(60.0)
        await fake.command("note", {"what": "this"})
        await fake.until(lambda: fake.from_bot(private=True))


async def test_after_a_refusal_requests_went_on_while_discord_took_none(
    make: Any, fake: FakeDiscord
) -> None:
    async with running(make()) as bot:
        run = bot.adapter._running
        assert run is not None
        await fake.until(lambda: fake.rest.commands)  # registered, before limits hold
        fake.limits = Buckets()
        for _ in range(50):  # of another process with the same token
            fake.limits.count("GET", "/users/@me")
        thread = await fake.say("hello", mention=True)
        await fake.until(lambda: refused(fake))
        await fake.until(lambda: run.client_holder.requests.end_wait_s > 0.5)
        await fake.until(lambda: finished(fake, thread))
    assert len(refused(fake)) == 1


@pytest.mark.parametrize("times", [6, 11])
async def test_a_thread_that_discord_refused_to_open_for_now_left_the_answer_in_the_channel(
    make: Any, fake: FakeDiscord, times: int
) -> None:
    fake.fail_next("POST", "/threads$", 429, retry_after=0.01, times=times)
    async with running(make()):
        thread = await fake.say("hello", mention=True)
        await fake.until(lambda: finished(fake, thread))
    assert fake.from_bot(CHANNEL) == []
