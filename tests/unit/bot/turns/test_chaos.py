"""Whatever happens at whatever moment, every accepted event ends exactly once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable

import pytest

from bot.errors import Busy
from bot.events import Message
from bot.history.protocol import HistoryStore
from bot.skills.context import Context
from bot.skills.skill import Skill
from bot.turns.runner import TurnLimits
from bot.types import ActionName, Author, ConversationKey, Limits, Part, Status, Text
from tests.fakes.core import HERE, ROOT, Bench
from tests.fakes.sink import RecordingSink

pytestmark = pytest.mark.usefixtures("json_log")

Make = Callable[..., Bench]
FINAL = {"complete", "cancelled", "refused", "failed"}


def moody(dice: random.Random) -> Skill:
    """A skill that answers, dawdles, refuses or breaks, as the dice fall."""

    async def answer(ctx: Context) -> AsyncIterator[Part]:
        yield Status("working")
        for word in range(dice.randrange(6)):
            await asyncio.sleep(dice.choice([0, 0, 0.001, 0.005]))
            yield Text(f"{word} ")
            if dice.random() < 0.05:
                raise dice.choice([Busy(1), ValueError("broken")])

    return Skill("moody", answer=answer)


def platform(dice: random.Random) -> RecordingSink:
    """A platform that is slow, or broken, now and then."""
    broken = frozenset(step for step in ("start", "update", "finish") if dice.random() < 0.1)
    pace = dice.choice([0.0, 0.0, 0.01])
    return RecordingSink(Limits(2000, pace), fail=broken, slow_s=dice.choice([0, 0, 0.002]))


@pytest.mark.parametrize("seed", range(6))
async def test_every_event_ends_exactly_once(bench: Make, history: HistoryStore, seed: int) -> None:
    dice = random.Random(seed)
    b = bench(
        moody(dice), store=history, limits=TurnLimits(per_person=4, per_channel=12, max_turns=40)
    )
    people = [Author("test", str(n), f"Person {n}") for n in range(8)]
    places = [ConversationKey("test", "work", f"c{n}") for n in range(5)]
    sinks: list[RecordingSink] = []
    asked: list[Message] = []
    for _ in range(120):
        what = dice.random()
        if what < 0.7 or not asked:
            event = b.message("hello", dice.choice(people), dice.choice(places))
            asked.append(event)
            sinks.append(await b.begin(event, platform(dice)))
        elif what < 0.8:
            await b.begin(b.retract(dice.choice(asked).id))
        else:
            turn = dice.choice([t.id for t in b.core.open_turns] or ["gone"])
            button: ActionName = dice.choice(["stop", "regenerate", "good", "why"])
            sinks.append(await b.begin(b.press(button, turn, ROOT), platform(dice)))
        await asyncio.sleep(dice.choice([0, 0, 0.001, 0.003]))
    if dice.random() < 0.5:
        await asyncio.gather(*(sink.end() for sink in sinks))
    await b.core.close()
    for sink in sinks:
        if sink.steps.count("finish") == 2:  # the question was deleted while it was being posted
            assert (sink.view.state, sink.view.text, sink.view.notices) == ("cancelled", "", ())
        else:
            assert sink.steps.count("finish") == 1
        assert sink.steps.count("start") == 1
        assert (sink.steps[0], sink.steps[-1]) == ("start", "finish")
        assert sink.view.state in FINAL
        assert sink.view.status is None
    assert await history.interrupt_running() == []


async def test_two_answers_of_a_conversation_never_cross(bench: Make) -> None:
    async def slowly(ctx: Context) -> AsyncIterator[Part]:
        yield Text(ctx.event.text or "")
        await asyncio.sleep(0.002)

    b = bench(Skill("slowly", answer=slowly), limits=TurnLimits(per_person=50, per_channel=50))
    sinks = [RecordingSink(Limits(2000, 0.0), slow_s=0.002) for _ in range(8)]
    for number, sink in enumerate(sinks):
        await b.begin(b.message(str(number), where=HERE), sink)
    await asyncio.gather(*(sink.end() for sink in sinks))
    ends = [sink.calls[-1][2] for sink in sinks]
    begins = [next(at for _, v, at in sink.calls if v.text) for sink in sinks]
    assert all(end <= begin for end, begin in zip(ends, begins[1:], strict=False))
