"""From parts to a platform: nothing lost, nothing too often, always an end."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from bot.errors import Failed
from bot.replies.delivery import Delivery, DeliveryTimeouts
from bot.replies.draft import AFTER_ANSWER, MAX_ANSWER_CHARACTERS, MAX_EXTRAS, Draft
from bot.types import (
    Action,
    Actions,
    Explanation,
    File,
    Limits,
    Notice,
    Source,
    Sources,
    Status,
    Text,
)
from tests.fakes.sink import RecordingSink
from tests.fakes.virtual_time import run_in_virtual_time

SOON = DeliveryTimeouts(call_s=0.05, finish_s=0.05)


def deliver(
    sink: RecordingSink, timeouts: DeliveryTimeouts | None = None, **more: object
) -> Delivery:
    draft = Draft("t1", sink.limits, model=bool(more.get("model", True)))
    return Delivery(sink, draft, timeouts=timeouts)


async def settle() -> None:
    """Let what is ready run."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_start_then_updates_then_one_finish(sink: RecordingSink) -> None:
    delivery = deliver(sink)
    delivery.add(Status("reading", tokens=3100))
    await settle()
    delivery.add(Status("writing"))
    delivery.add(Text("Hello"))
    await settle()
    delivery.add(Text(" you"))
    await settle()
    await delivery.finish("complete")
    assert sink.steps == ["start", "update", "update", "finish"]
    views = [view for _, view, _ in sink.calls]
    assert views[0].status == Status("reading", tokens=3100)
    assert [view.text for view in views] == ["", "Hello", "Hello you", "Hello you"]
    assert [view.state for view in views] == ["working", "working", "working", "complete"]
    assert views[1].status is None
    assert views[-1].pages == ("Hello you",)


async def test_a_reply_without_parts_is_started_and_finished(sink: RecordingSink) -> None:
    await deliver(sink).finish("refused", Notice("No.", "refusal"))
    assert sink.steps == ["start", "finish"]
    assert sink.view.notices == (Notice("No.", "refusal"),)
    assert sink.view.state == "refused"


def test_edits_keep_their_distance_and_only_the_latest_view_is_sent() -> None:
    async def play() -> RecordingSink:
        sink = RecordingSink(Limits(2000, 0.1))
        delivery = deliver(sink)
        for number in range(40):
            delivery.add(Text(f"{number} "))
            await asyncio.sleep(0.005)
        await delivery.finish("complete")
        return sink

    sink = run_in_virtual_time(play())
    edits = [at for step, _, at in sink.calls if step == "update"]
    assert all(later - earlier >= 0.099 for earlier, later in pairwise(edits))
    assert len(edits) < 10
    assert sink.view.text == "".join(f"{number} " for number in range(40))


def test_the_final_view_waited_for_the_distance_between_two_edits() -> None:
    async def last_two() -> list[float]:
        sink = RecordingSink(Limits(2000, 30.0))
        delivery = deliver(sink)
        delivery.add(Text("Written."))
        await asyncio.sleep(1)
        delivery.add(Text(" More."))
        await asyncio.sleep(19)
        await delivery.finish("complete")
        assert sink.steps == ["start", "update", "finish"]
        assert sink.view.text == "Written. More."
        return [at for _, _, at in sink.calls[1:]]

    assert run_in_virtual_time(last_two()) == [15.0, 20.0]


def test_an_answer_that_was_complete_soon_was_edited_before_its_end() -> None:
    async def steps() -> list[str]:
        sink = RecordingSink(Limits(2000, 2.0))
        delivery = deliver(sink)
        for _ in range(9):
            delivery.add(Text("word "))
            await asyncio.sleep(0.1)
        await delivery.finish("complete")
        return list(sink.steps)

    assert run_in_virtual_time(steps()) == ["start", "finish"]


async def test_each_reply_has_its_own_clock() -> None:
    slow = RecordingSink(Limits(2000, 0.0), hang=frozenset({"start"}))
    quick = RecordingSink()
    held, free = deliver(slow), deliver(quick)
    held.add(Text("a"))
    free.add(Text("b"))
    await free.finish("complete")
    assert quick.view.text == "b"
    assert slow.steps == ["start"]
    await held.abandon()


def test_a_slow_platform_does_not_hold_the_skill_up() -> None:
    async def play() -> RecordingSink:
        sink = RecordingSink(slow_s=0.02)
        delivery = deliver(sink)
        for _ in range(1000):
            delivery.add(Text("x"))
            await asyncio.sleep(0)
        await delivery.finish("complete")
        return sink

    sink = run_in_virtual_time(play())
    assert len(sink.calls) < 100
    assert sink.view.text == "x" * 1000


async def test_a_platform_that_does_not_stream_gets_the_beginning_and_the_end() -> None:
    sink = RecordingSink(Limits(2000, 0.0, streams=False))
    delivery = deliver(sink)
    for word in ("one ", "two ", "three"):
        delivery.add(Text(word))
        await settle()
    await delivery.finish("complete")
    assert sink.steps == ["start", "finish"]
    assert sink.view.text == "one two three"


@pytest.mark.parametrize("broken", [{"start"}, {"update"}, {"start", "update"}])
@pytest.mark.parametrize("how", ["fail", "hang"])
async def test_finish_is_called_once_with_everything_when_a_call_before_it_went_wrong(
    broken: set[str], how: str
) -> None:
    sink = RecordingSink()
    setattr(sink, how, frozenset(broken))
    delivery = deliver(sink, SOON)
    delivery.add(Text("one "))
    await asyncio.sleep(0.07)
    delivery.add(Text("two"))
    await asyncio.sleep(0.07)
    await delivery.finish("complete")
    assert sink.steps.count("start") == 1
    assert sink.steps.count("finish") == 1
    assert sink.steps[-1] == "finish"
    assert sink.view.text == "one two"


@pytest.mark.parametrize("how", ["fail", "hang"])
async def test_a_finish_that_goes_wrong_ends_the_delivery_all_the_same(how: str) -> None:
    sink = RecordingSink()
    setattr(sink, how, frozenset({"finish"}))
    delivery = deliver(sink, SOON)
    delivery.add(Text("text"))
    await delivery.finish("complete")
    assert sink.steps.count("finish") == 1


async def test_nothing_is_sent_after_the_end(sink: RecordingSink) -> None:
    delivery = deliver(sink)
    await delivery.finish("complete")
    delivery.add(Text("late"))
    await settle()
    assert sink.steps == ["start", "finish"]


async def test_in_a_hurry_what_hangs_is_given_up_and_no_distance_is_kept() -> None:
    sink = RecordingSink(Limits(2000, 0.1), hang=frozenset({"update"}))
    delivery = deliver(sink)
    delivery.add(Text("one"))
    await settle()
    delivery.add(Text(" two"))
    await asyncio.sleep(0.1)
    await settle()
    assert sink.steps == ["start", "update"]
    delivery.hurry()
    async with asyncio.timeout(30):
        await delivery.finish("cancelled")
    assert sink.steps == ["start", "update", "finish"]
    assert sink.view.text == "one two"


async def test_text_that_was_shown_stays_when_an_error_follows(sink: RecordingSink) -> None:
    delivery = deliver(sink)
    delivery.add(Text("half an answer"))
    await settle()
    await delivery.finish("failed", Notice("It broke.", "error", error_id="ab12"))
    assert sink.view.text == "half an answer"
    assert sink.view.notices[-1].error_id == "ab12"


# --- what a view holds ---------------------------------------------------------------------------


def draft(max_chars: int = 2000, model: bool = True, max_file_bytes: int = 10**6) -> Draft:
    return Draft("t1", Limits(max_chars, 0.0, max_file_bytes), model=model)


def test_a_working_answer_has_stop_and_a_complete_one_has_its_buttons() -> None:
    reply = draft()
    reply.after = AFTER_ANSWER
    reply.add(Actions((Action("source", "[1]", "1"),)))
    assert [a.name for a in reply.view().actions] == ["stop"]
    reply.add(Text("yes"))
    reply.end("complete")
    assert [a.name for a in reply.view().actions] == [
        "source",
        "regenerate",
        "good",
        "bad",
        "why",
    ]


@pytest.mark.parametrize(("again", "expected"), [(True, ["regenerate"]), (False, [])])
def test_an_answer_that_broke_can_be_tried_again(again: bool, expected: list[str]) -> None:
    reply = draft()
    reply.add(Text("half"))
    reply.end("failed", Notice("It broke.", "error"), again=again)
    assert [a.name for a in reply.view().actions] == expected


def test_what_no_model_wrote_has_no_buttons() -> None:
    reply = draft(model=False)
    assert reply.view().actions == ()
    reply.add(Text("The commands are …"))
    reply.end("complete")
    assert reply.view().actions == ()


def test_the_parts_are_where_they_belong() -> None:
    reply = draft()
    sources = (Source(1, "Logs", "docs/logs.md"),)
    reply.add(Status("working", "part 1 of 2"))
    reply.add(Sources(sources))
    reply.add(File("notes.txt", b"x"))
    reply.add(Notice("By the way"))
    reply.add(Notice("Between us", private=True))
    reply.add(Explanation(model="m"))
    view = reply.view()
    assert view.status == Status("working", "part 1 of 2")
    assert view.sources == sources
    assert view.files == (File("notes.txt", b"x"),)
    assert [n.private for n in view.notices] == [False, True]
    reply.end("complete")
    assert reply.view().status is None


def test_a_long_answer_is_split_and_attached() -> None:
    reply = draft(max_chars=100)
    reply.file_over_chars = 300
    reply.add(Text("A sentence of some length. " * 20))
    reply.end("complete")
    view = reply.view()
    assert all(len(page) <= 100 for page in view.pages)
    assert len(view.pages) > 5
    assert [(f.name, f.data) for f in view.files] == [("answer.md", view.text.encode())]


def test_a_short_answer_is_not_attached() -> None:
    reply = draft()
    reply.file_over_chars = 300
    reply.add(Text("short"))
    reply.end("complete")
    assert reply.view().files == ()


def test_a_file_that_is_too_large_is_left_out_and_said() -> None:
    reply = draft(max_file_bytes=10)
    reply.add(File("big.bin", b"x" * 11))
    assert reply.view().files == ()
    assert "big.bin" in reply.view().notices[0].text


def test_nothing_grows_without_bounds() -> None:
    reply = draft()
    for _ in range(MAX_EXTRAS + 10):
        reply.add(File("f", b""))
        reply.add(Notice("n"))
        reply.add(Actions((Action("source", "s"),)))
    reply.add(Text("x" * MAX_ANSWER_CHARACTERS))
    with pytest.raises(Failed, match="grew beyond"):
        reply.add(Text("x"))
    view = reply.view()
    assert len(view.files) == len(view.notices) == MAX_EXTRAS


def test_a_withdrawn_reply_shows_nothing() -> None:
    reply = draft()
    reply.add(Text("half"))
    reply.add(Notice("hm"))
    reply.withdraw()
    view = reply.view()
    assert (view.text, view.pages, view.notices, view.actions) == ("", (), (), ())
    assert view.state == "cancelled"
