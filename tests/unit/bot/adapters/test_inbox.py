"""The inbox on a platform of our own: order, and what there is no room for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from bot.adapters.background_tasks import MAX_TASKS_PER_PLACE, BackgroundTasks, Refusal
from bot.adapters.event_order import EventOrder
from bot.adapters.inbox import Answer, Inbox, Incoming
from bot.events import Message
from bot.skills.context import Context
from bot.skills.skill import Skill
from bot.types import ConversationKey, Text
from tests.fakes.core import ADA, Bench
from tests.fakes.sink import RecordingSink
from tests.until import until


class Shown(RecordingSink):
    """A reply in which nothing is posted."""

    messages: Sequence[str] = ()
    __hash__ = object.__hash__

    @property
    def turn(self) -> str:
        return self.view.turn if self.calls else ""

    @property
    def locale(self) -> str | None:
        return None

    def stop_showing(self) -> None:
        raise AssertionError("nothing is deleted here")


class Platform:
    """Writes messages, each of which can be held up while it is looked at, or read."""

    def __init__(self, max_questions: int = 100) -> None:
        self.asked: list[str] = []
        self.refused: list[str] = []
        self.sinks: list[Shown] = []
        self.held: dict[str, asyncio.Event] = {}
        self.background_tasks = BackgroundTasks("test")
        bench = Bench([Skill("listener", answer=self._answer)])
        self.inbox = Inbox(bench.core, "test", self.background_tasks, max_questions=max_questions)

    async def _answer(self, ctx: Context) -> Any:
        self.asked.append(ctx.event.text or "")
        yield Text("yes")

    def hold(self, text: str) -> asyncio.Event:
        """Hold a message up until the event is set; `text` says "look at" or "read" before it."""
        return self.held.setdefault(text, asyncio.Event())

    async def _wait(self, text: str) -> None:
        if text in self.held:
            await self.held[text].wait()

    def write(self, text: str, place: str = "here", conversation: str | None = None) -> None:
        key = ConversationKey("test", "work", conversation or place)

        async def look() -> Incoming:
            await self._wait(f"look at {text}")
            return Incoming(key, read)

        async def read() -> tuple[Message, Answer]:
            await self._wait(f"read {text}")
            self.sinks.append(Shown())
            return Message(f"{place}:{text}", key, ADA, text), self.sinks[-1]

        async def refuse() -> None:
            self.refused.append(text)

        self.inbox.receive(place, f"{place}:{text}", look, Refusal(text, refuse))

    async def until_asked(self, number: int) -> None:
        await until(lambda: len(self.asked) >= number)


async def test_a_message_that_takes_long_to_read_holds_up_its_own_conversation_alone() -> None:
    platform = Platform()
    slow = platform.hold("read first")
    platform.write("first", conversation="one")
    platform.write("second", conversation="one")
    platform.write("third", conversation="two")
    await platform.until_asked(1)
    assert platform.asked == ["third"]
    slow.set()
    await platform.until_asked(3)
    assert platform.asked == ["third", "first", "second"]


async def test_messages_of_one_place_are_looked_at_in_order() -> None:
    platform = Platform()
    slow = platform.hold("look at first")
    platform.write("first")
    platform.write("second")
    platform.write("elsewhere", place="there")
    await platform.until_asked(1)
    assert platform.asked == ["elsewhere"]
    slow.set()
    await platform.until_asked(3)
    assert platform.asked == ["elsewhere", "first", "second"]


async def test_a_place_in_which_too_many_wait_has_no_room_and_another_has() -> None:
    platform = Platform()
    platform.hold("look at 0")
    for number in range(MAX_TASKS_PER_PLACE + 1):
        platform.write(str(number))
    platform.write("elsewhere", place="there")
    await platform.until_asked(1)
    assert platform.asked == ["elsewhere"]
    assert platform.refused == [str(MAX_TASKS_PER_PLACE)]
    await platform.background_tasks.close()


async def test_of_two_messages_with_one_id_the_second_is_dropped() -> None:
    platform = Platform()
    slow = platform.hold("read first")
    platform.write("first")
    platform.write("first")
    slow.set()
    platform.write("second")
    await platform.until_asked(2)
    assert platform.asked == ["first", "second"]
    assert len(platform.sinks) == 2


async def test_who_gives_up_waiting_lets_nobody_overtake() -> None:
    order, went = EventOrder(), []
    first = order.take("here")
    await first.__aenter__()

    async def go(name: str) -> None:
        async with order.take("here"):
            went.append(name)

    second, third = asyncio.create_task(go("second")), asyncio.create_task(go("third"))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    await asyncio.sleep(0.01)
    assert went == []
    await first.__aexit__(None, None, None)
    await third
    assert went == ["third"]


async def test_a_queue_that_nobody_waits_in_is_forgotten() -> None:
    order = EventOrder()
    for number in range(100):
        async with order.take(str(number)):
            pass
    assert len(order) == 0
