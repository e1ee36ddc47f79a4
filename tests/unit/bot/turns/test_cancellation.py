"""Nothing ends in silence: a cancellation that nobody asked for is an error with an id."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from backends.scripted.backend import ScriptedBackend
from bot.history.protocol import StoredMessage
from bot.skills.context import Context
from bot.skills.skill import Skill
from bot.types import Part, Text, View
from tests.fakes.core import Bench
from tests.fakes.history import MemoryHistoryStore
from tests.fakes.sink import RecordingSink
from tests.fakes.skills import CHAT, stalling

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

    async def finish(self, answer: StoredMessage) -> None:
        if self.call == "finish":
            await cancelled_future()
        await super().finish(answer)


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
    async with asyncio.timeout(10):
        while sink.steps.count("finish") < 2:
            await asyncio.sleep(0.002)
    assert (sink.view.state, sink.view.text, sink.view.actions) == ("cancelled", "", ())
    assert await b.store.recent(str(question.conversation)) == []
