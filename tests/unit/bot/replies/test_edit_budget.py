"""All replies share what a platform takes: ends first, nothing old, and never too many calls."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from bot.replies.call_rates import CallWindow, Rate
from bot.replies.delivery import Delivery
from bot.replies.draft import Draft
from bot.replies.edit_budget import MAX_STREAMED_REPLIES, EditBudget, EditBudgets
from bot.replies.message_port import MessagePort, Method, RateLimited
from bot.replies.message_sink import MessageSink
from bot.replies.reply_options import ReplyTiming
from bot.types import ConversationKey, Limits, Text, View
from tests.fakes.core import MemoryReplies
from tests.fakes.virtual_time import run_in_virtual_time

KEY = ConversationKey("board", "w", "c")
TIMING = ReplyTiming(edit_interval=1.0)


def now() -> float:
    return asyncio.get_running_loop().time()


async def granted_at(*asked: asyncio.Future[None]) -> list[float]:
    async def wait(one: asyncio.Future[None]) -> float:
        await one
        return now()

    return list(await asyncio.gather(*map(wait, asked)))


class TestTheBucket:
    def test_a_burst_is_granted_at_once_and_the_rest_at_its_rate(self) -> None:
        async def run() -> list[float]:
            budget = EditBudget(Rate(per_s=0.5, burst=2))
            return await granted_at(*(budget.edit() for _ in range(5)))

        assert run_in_virtual_time(run()) == [0.0, 0.0, 2.0, 4.0, 6.0]

    def test_room_is_kept_for_ends_and_they_go_before_waiting_edits(self) -> None:
        async def run() -> tuple[list[float], list[float]]:
            budget = EditBudget(Rate(per_s=1.0, burst=3, kept=2))
            edits = [budget.edit() for _ in range(2)]
            ends = [budget.end() for _ in range(3)]
            return await granted_at(*edits), await granted_at(*ends)

        edits, _ = run_in_virtual_time(run())
        assert edits == [0.0, 4.0]  # the third end at 1 s, then the room for ends fills up first

    def test_what_was_given_up_takes_nothing(self) -> None:
        async def run() -> list[float]:
            budget = EditBudget(Rate(per_s=1.0, burst=1))
            first, given_up, second = budget.edit(), budget.edit(), budget.edit()
            given_up.cancel()
            return await granted_at(first, second)

        assert run_in_virtual_time(run()) == [0.0, 1.0]

    def test_a_refusal_pauses_everything_for_as_long_as_it_says(self) -> None:
        async def run() -> list[float]:
            budget = EditBudget(Rate(per_s=1.0, burst=5))
            budget.pause(30.0)
            return await granted_at(budget.edit(), budget.end())

        assert run_in_virtual_time(run()) == [31.0, 30.0]

    def test_more_processes_take_less_each_and_fewer_take_more(self) -> None:
        async def run() -> list[list[float]]:
            budgets = EditBudgets()
            budget = budgets.budget("T1 chat.update", Rate(per_s=1.0, burst=2))
            waves = [await granted_at(*(budget.edit() for _ in range(4)))]
            for processes in (4, 1):
                budgets.share_among(processes)
                began = now()
                granted = await granted_at(*(budget.edit() for _ in range(3)))
                waves.append([at - began for at in granted])
            return waves

        alone, of_four, again = run_in_virtual_time(run())
        assert alone == [0.0, 0.0, 1.0, 2.0]
        assert of_four == [4.0, 8.0, 12.0]
        assert again == [1.0, 2.0, 3.0]

    def test_processes_divide_what_there_is(self) -> None:
        async def run() -> list[float]:
            budget = EditBudgets(share=0.25).budget("T1 chat.update", Rate(per_s=1.0, burst=4))
            return await granted_at(*(budget.edit() for _ in range(3)))

        assert run_in_virtual_time(run()) == [0.0, 4.0, 8.0]

    def test_a_window_takes_its_calls_at_once_and_no_more_within_its_time(self) -> None:
        async def run() -> list[float]:
            budget = EditBudget(CallWindow(calls=3, seconds=1.0))
            first = await granted_at(*(budget.end() for _ in range(2)))
            await asyncio.sleep(0.4)
            return [*first, *await granted_at(*(budget.end() for _ in range(5)))]

        assert run_in_virtual_time(run()) == [0.0, 0.0, 0.4, 1.0, 1.0, 1.4, 2.0]


class TestABudgetWithinAnother:
    def test_places_share_it_and_ends_in_one_go_before_edits_in_another(self) -> None:
        async def run() -> list[float]:
            whole = EditBudget(CallWindow(calls=2, seconds=1.0, kept=1))
            budgets = EditBudgets(within=whole)
            places = [budgets.budget(f"C{n}", Rate(per_s=1.0, burst=9)) for n in range(3)]
            edits = [place.edit() for place in places]
            ends = [place.end() for place in places]
            return await granted_at(*ends, *edits)

        assert run_in_virtual_time(run()) == [0.0, 1.0, 1.0, 0.0, 2.0, 3.0]

    def test_what_is_given_up_while_it_waits_there_is_given_back_by_both(self) -> None:
        async def run() -> list[float]:
            whole = EditBudget(CallWindow(calls=1, seconds=5.0))
            place = EditBudget(Rate(per_s=0.01, burst=2), within=whole)
            first, given_up = place.edit(), place.edit()
            given_up.cancel()
            return await granted_at(first, place.edit())

        assert run_in_virtual_time(run()) == [0.0, 5.0]

    def test_what_was_granted_and_not_used_is_given_back_to_both(self) -> None:
        async def run() -> list[float]:
            whole = EditBudget(CallWindow(calls=1, seconds=5.0))
            place = EditBudget(Rate(per_s=0.01, burst=1), within=whole)
            await place.edit()
            place.give_back()
            return await granted_at(place.edit())

        assert run_in_virtual_time(run()) == [0.0]


@dataclass
class TieredPort(MessagePort[str]):
    """A platform that takes `most` calls of a method within a minute and refuses further ones."""

    budgets: dict[str, EditBudget]
    most: int = 50
    calls: list[tuple[Method, float, str]] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    limits: Limits = field(default_factory=lambda: Limits(2000, 1.0))

    def render(self, view: View) -> Sequence[str]:
        return view.pages or (["working"] if view.state == "working" else [])

    def budget(self, method: Method, message_id: str = "") -> EditBudget | None:
        return self.budgets.get(method)

    def _call(self, method: Method, text: str) -> None:
        recent = [at for m, at, _ in self.calls if m == method and at > now() - 60]
        if method != "post" and len(recent) >= self.most:
            self.refused.append(now())
            raise RateLimited("ratelimited", 10.0)
        self.calls.append((method, now(), text))

    async def post(self, message: str, key: str) -> str:
        self._call("post", message)
        return f"{key}.{len(self.calls)}"

    async def edit(self, message_id: str, message: str) -> None:
        self._call("edit", message)

    async def delete(self, message_id: str) -> None:
        self._call("delete", message_id)


def tier_3() -> EditBudget:
    return EditBudget(Rate(per_s=40 / 60, burst=10, kept=4))


async def answer(port: TieredPort, number: int, seconds: int) -> float:
    """Write an answer, a word twice a second; returns how long its final view took."""
    background: set[asyncio.Task[None]] = set()

    def start(work: Any, name: str) -> None:
        background.add(asyncio.create_task(work, name=name))

    sink = MessageSink(port, MemoryReplies(), KEY, TIMING, background=start)
    draft = Draft(f"t{number}", sink.limits, model=True)
    delivery = Delivery(sink, draft)
    for word in range(seconds * 2):
        delivery.add(Text(f"{number}.{word} "))
        await asyncio.sleep(0.5)
    ended = now()
    await delivery.finish("complete")
    took = now() - ended
    await asyncio.gather(*background)
    return took


def play(port: TieredPort, answers: int, seconds: int) -> list[float]:
    async def run() -> list[float]:
        return await asyncio.gather(*(answer(port, n, seconds) for n in range(answers)))

    return run_in_virtual_time(run())


def last_words(port: TieredPort, number: int) -> list[int]:
    """The number of the last word in each call that showed an answer."""
    shown = [text.split()[-1] for _, _, text in port.calls if text.startswith(f"{number}.")]
    return [int(word.partition(".")[2]) for word in shown]


class TestManyAnswers:
    def test_edits_of_one_answer_after_the_other_broke_the_tier(self) -> None:
        port = TieredPort({"edit": tier_3()})
        took = play(port, answers=6, seconds=120)
        assert port.refused == []
        assert all(last_words(port, n)[-1] == 239 for n in range(6))
        assert max(took) <= 3.0

    def test_what_is_shown_is_always_the_newest(self) -> None:
        port = TieredPort({"edit": tier_3()})
        play(port, answers=6, seconds=60)
        for number in range(6):
            words = last_words(port, number)
            assert words == sorted(words)
            at = [at for _, at, text in port.calls if text.startswith(f"{number}.")]
            behind = [t * 2 - word for t, word in zip(at, words, strict=True)][:-1]
            assert all(words_behind <= 2 for words_behind in behind)

    def test_no_answer_is_left_standing(self) -> None:
        port = TieredPort({"edit": tier_3()})
        play(port, answers=MAX_STREAMED_REPLIES, seconds=120)
        for number in range(MAX_STREAMED_REPLIES):
            at = [at for _, at, text in port.calls if text.startswith(f"{number}.")]
            gaps = [b - a for a, b in pairwise(at[1:])]
            assert max(gaps) <= 1.3 * MAX_STREAMED_REPLIES / 50 * 60

    def test_with_too_many_open_text_is_shown_when_it_is_complete(self) -> None:
        port = TieredPort({"edit": tier_3(), "delete": tier_3()})
        took = play(port, answers=60, seconds=30)
        assert port.refused == []
        quiet = range(MAX_STREAMED_REPLIES, 60)
        assert [last_words(port, n) for n in quiet] == [[59]] * len(quiet)
        assert all(last_words(port, n)[-1] == 59 for n in range(MAX_STREAMED_REPLIES))
        assert sorted(took)[int(len(took) * 0.99)] <= 5.0

    def test_an_answer_that_posts_anew_takes_its_old_message_away(self) -> None:
        port = TieredPort({"edit": EditBudget(Rate(per_s=0.01, burst=1))})
        play(port, answers=2, seconds=5)
        posted = [text for method, _, text in port.calls if method == "post"]
        assert sum(text.split()[-1].endswith(".9") for text in posted) == 2
        assert sum(method == "delete" for method, _, _ in port.calls) == 2

    def test_after_a_refusal_old_text_was_sent_again(self) -> None:
        port = TieredPort({"edit": EditBudget(Rate(per_s=10.0, burst=10))}, most=5)
        (took,) = play(port, answers=1, seconds=40)
        assert port.refused  # the bucket was wrong, and the platform said so
        words = last_words(port, 0)
        assert words == sorted(set(words))
        assert words[-1] == 79
        pauses = [b - a for a, b in pairwise(port.refused)]
        assert all(pause >= 10.0 for pause in pauses)
        assert took < 10.0
