"""Nothing ends in silence: a cancellation that nobody asked for is an error with an id."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from backends.scripted.backend import ScriptedBackend
from backends.scripted.script import Reply
from bot.adapters.protocol import Adapter
from bot.history.protocol import HistoryStore, StoredMessage
from bot.replies.protocol import Reply as StoredReply
from bot.skills.context import Context
from bot.skills.skill import Skill
from bot.types import Part, Text, View
from tests.fakes.core import BOB, HERE, Bench
from tests.fakes.history import MemoryHistoryStore
from tests.fakes.sink import RecordingSink
from tests.fakes.skills import CHAT, stalling
from tests.until import until

pytestmark = pytest.mark.usefixtures("json_log")

Make = Callable[..., Bench]


async def cancelled_future() -> None:
    """What a library does that gives up: it cancels what its caller waits for."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


async def pushes(ctx: Context) -> None:
    await ctx.say(Text("half an answer"))
    await cancelled_future()


async def yields(ctx: Context) -> AsyncIterator[Part]:
    yield Text("half an answer")
    await cancelled_future()


@pytest.mark.parametrize("answer", [pushes, yields])
async def test_a_skill_whose_library_cancels_ends_in_an_error_with_an_id(
    bench: Make, answer: Callable[[Context], object]
) -> None:
    """The reply stayed "working", and the row "running"."""
    b = bench(Skill("broken", answer=answer))
    view = await b.say(b.message("hello"))
    assert (view.state, view.text) == ("failed", "half an answer")
    assert view.notices[0].error_id
    stored = await b.store.get(view.turn)
    assert stored is not None
    assert stored.status == "failed"
    assert len(b.core.open_turns) == 0


class Cancels(MemoryHistoryStore):
    """A store that is cancelled in the middle of one of its calls."""

    def __init__(self, call: str) -> None:
        super().__init__()
        self.call = call

    async def claim(self, platform: str, event_id: str) -> bool:
        if self.call == "claim":
            await cancelled_future()
        return await super().claim(platform, event_id)

    async def open(
        self, question: StoredMessage, answer: StoredMessage, *, claim: bool = False
    ) -> bool:
        if self.call == "open":
            await cancelled_future()
        return await super().open(question, answer, claim=claim)

    async def finish(self, answer: StoredMessage, *, before: StoredMessage | None = None) -> None:
        if self.call == "finish":
            await cancelled_future()
        await super().finish(answer, before=before)


@pytest.mark.parametrize("call", ["claim", "open", "finish"])
async def test_a_store_that_is_cancelled_does_not_silence_the_reply(bench: Make, call: str) -> None:
    b = bench(CHAT, store=Cancels(call))
    view = await b.say(b.message("hello"))
    assert view.state == ("complete" if call == "finish" else "failed")
    assert call == "finish" or view.notices[0].error_id


async def test_a_button_whose_library_cancels_is_answered(bench: Make) -> None:
    b = bench(CHAT, store=Cancels("claim"))
    view = await b.say(b.press("good", "some turn"))
    assert view.notices[0].error_id


class CancelledSink(RecordingSink):
    """A platform whose library cancels the first post."""

    async def start(self, view: View) -> None:
        await super().start(view)
        await cancelled_future()


async def test_a_platform_that_cancels_a_post_still_gets_the_end(bench: Make) -> None:
    b = bench(CHAT)
    view = await b.say(b.message("hello"), CancelledSink())
    assert (view.state, view.text) == ("complete", "You said: hello")


async def test_a_stop_is_ours(bench: Make) -> None:
    b = bench(CHAT, backend=stalling())
    sink = await b.begin(b.message("hello"))
    turn = (await sink.until_text("one two")).turn
    await b.say(b.press("stop", turn))
    view = await sink.end()
    assert (view.state, view.notices[0].text) == ("cancelled", "Stopped by Ada.")


# --- questions that change while they are answered ------------------------------------------------


async def test_after_an_edit_history_holds_what_was_asked(bench: Make) -> None:
    """It held the old question with the new answer."""
    b = bench(CHAT)
    old = await b.say(b.message("what is a bollard"))
    new = await b.say(b.press("regenerate", old.turn, value="what is a bollocks"))
    stored = [turn.text for turn in await b.store.recent(str(b.message("").conversation))]
    assert stored == ["what is a bollocks", new.text]


class SlowEnd(RecordingSink):
    """A platform that takes its time over the last view."""

    def __init__(self) -> None:
        super().__init__()
        self.posting = asyncio.Event()
        self.go_on = asyncio.Event()

    async def finish(self, view: View) -> None:
        self.posting.set()
        await self.go_on.wait()
        await super().finish(view)


async def test_a_question_deleted_while_its_answer_is_posted_takes_the_answer_with_it(
    bench: Make,
) -> None:
    """The answer stayed."""
    b = bench(CHAT, backend=ScriptedBackend("default", replies=["an answer"]))
    question = b.message("hello")
    sink = SlowEnd()
    await b.begin(question, sink)
    await sink.posting.wait()
    await b.begin(b.retract(question.id))
    await asyncio.sleep(0)
    sink.go_on.set()
    await until(lambda: sink.steps.count("finish") >= 2)
    assert (sink.view.state, sink.view.text, sink.view.actions) == ("cancelled", "", ())
    assert await b.store.recent(str(question.conversation)) == []


# --- questions that are answered anew while they are answered -------------------------------------


def only_answers(view: View, turns: Sequence[StoredMessage]) -> bool:
    return [turn.id for turn in turns if turn.role == "assistant"] == [view.turn]


async def test_answer_the_new_one_stops_the_running_answer_and_takes_its_place(
    bench: Make, history: HistoryStore
) -> None:
    """It was refused: "This answer is still being written; stop it first."."""
    b = bench(CHAT, backend=stalling(), store=history)
    sink = await b.begin(b.message("what is a bollard"))
    old = await sink.until_text("one two")
    new = await b.say(b.press("regenerate", old.turn, value="what is a bollock"))
    gone = await sink.end()
    assert (gone.state, gone.text, gone.notices, gone.actions) == ("cancelled", "", (), ())
    assert (new.state, new.text) == ("complete", "You said: what is a bollock")
    recent = await history.recent(str(HERE))
    assert [turn.text for turn in recent] == ["what is a bollock", new.text]
    assert only_answers(new, recent)


async def test_answer_the_new_one_while_the_question_still_waits_asks_it_once(
    bench: Make, history: HistoryStore
) -> None:
    """What waited was not stored yet, so the button was not known."""
    b = bench(CHAT, backend=stalling(), store=history)
    running = await b.begin(b.message("before it"))
    first = await running.until_text("one two")
    question = b.message("what is a bollard")
    sink = await b.begin(question)
    await until(lambda: sink.calls)
    anew = await b.begin(b.press("regenerate", sink.view.turn, value="what is a bollock"))
    assert (await sink.end()).text == ""
    await b.say(b.press("stop", first.turn))
    assert (await anew.end()).text == "You said: what is a bollock"
    stored = await history.by_event("test", question.id)
    assert stored is not None
    assert stored.text == "what is a bollock"
    assert [t.text for t in await history.recent(str(HERE))][2:] == [
        "what is a bollock",
        "You said: what is a bollock",
    ]
    assert len(b.core.open_turns) == 0


async def test_regenerate_pressed_twice_leaves_one_answer(
    bench: Make, history: HistoryStore
) -> None:
    replies: list[Any] = ["first", Reply("one two three", stall_after=2), "third"]
    b = bench(CHAT, backend=ScriptedBackend("default", replies=replies), store=history)
    old = await b.say(b.message("hello"))
    second = await b.begin(b.press("regenerate", old.turn))
    await second.until_text("one two")
    third = await b.say(b.press("regenerate", old.turn))
    assert ((await second.end()).text, third.text) == ("", "third")
    assert only_answers(third, await history.recent(str(HERE)))


async def test_an_answer_is_replaced_only_by_whom_it_belongs_to(bench: Make) -> None:
    b = bench(CHAT, backend=stalling())
    sink = await b.begin(b.message("hello"))
    old = await sink.until_text("one two")
    refused = await b.say(b.press("regenerate", old.turn, BOB))
    assert refused.state == "refused"
    assert not sink.finished.is_set()
    await b.say(b.press("stop", old.turn))


async def test_an_answer_replaced_while_it_is_posted_is_taken_away(bench: Make) -> None:
    b = bench(CHAT, backend=ScriptedBackend("default", replies=["an answer"]))
    sink = SlowEnd()
    await b.begin(b.message("hello"), sink)
    await sink.posting.wait()
    again = await b.begin(b.press("regenerate", sink.calls[0][1].turn))
    await asyncio.sleep(0.01)
    sink.go_on.set()
    assert (await again.end()).text == "You said: hello"
    assert (sink.view.state, sink.view.text) == ("cancelled", "")


@dataclass
class Withdraws:
    """A platform that can take an answer away."""

    name: str = "test"
    gone: list[str] = field(default_factory=list)

    async def withdraw_reply(self, reply: StoredReply) -> None:
        self.gone.append(reply.turn)


async def test_regenerate_takes_the_earlier_answer_away_once_the_new_one_is_there(
    bench: Make,
) -> None:
    """Both stood there with buttons."""
    b = bench(CHAT, backend=ScriptedBackend("default", replies=["first", "  ", "third"]))
    platform = Withdraws()
    old = await b.say(b.message("hello"))
    await b.core.replies.save(StoredReply(old.turn, "test", str(HERE), {"messages": "1"}, True))
    with b.core.connect(cast(Adapter, platform)):
        failed = await b.say(b.press("regenerate", old.turn))
        assert (failed.state, platform.gone) == ("failed", [])
        await b.say(b.press("regenerate", old.turn))
        await until(lambda: platform.gone)
    assert platform.gone == [old.turn]
