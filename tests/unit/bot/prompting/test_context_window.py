from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.base import Capabilities, ChatMessage
from backends.errors import ContextOverflow
from backends.scripted.backend import ScriptedBackend
from bot.history.protocol import StoredMessage
from bot.prompting.context_window import Fitted, Fitter
from bot.prompting.text_split import split_text
from bot.testing.models import ScriptedModels


class Counted(ScriptedModels):
    """Counts how often it is asked to count, and of how much."""

    counted = characters = 0

    async def count(self, model: str, messages: Sequence[ChatMessage]) -> int:
        self.counted += 1
        self.characters += sum(len(message.content) for message in messages)
        return await super().count(model, messages)


def models(context: int = 400) -> Counted:
    return Counted(ScriptedBackend("m", context=context))


def turns(number: int, words: int = 10) -> list[StoredMessage]:
    """So many exchanges, each message of so many words."""
    made = []
    for i in range(number):
        for role in ("user", "assistant"):
            text = " ".join([f"{role}{i}", *["word"] * (words - 1)])
            made.append(_turn(f"{role}{i}", role, text))
    return made


def _turn(name: str, role: Any, text: str) -> StoredMessage:
    return StoredMessage(name, "c", role, text, "p", datetime.now(UTC))


async def fit(
    fitter: Fitter, on: ScriptedModels, history: Sequence[StoredMessage] = (), **more: Any
) -> Fitted:
    more = {"system": "be kind", "compose": lambda n: "why? " + "passage " * 20 * n, **more}
    return await fitter.fit(on, "m", history=history, answer_tokens=100, **more)


async def test_system_then_history_then_the_question_with_its_passages() -> None:
    fitted = await fit(Fitter(), models(2000), turns(2), blocks=2)
    assert [m.role for m in fitted.messages] == [
        "system", "user", "assistant", "user", "assistant", "user",
    ]  # fmt: skip
    assert fitted.messages[0].content == "be kind"
    assert fitted.messages[1].content.startswith("user0")
    assert fitted.messages[-1].content.startswith("why?")
    assert (fitted.blocks, fitted.turns_used, fitted.turns_left_out) == (2, 4, 0)


async def test_a_short_conversation_is_fitted_without_counting() -> None:
    on = models(8000)
    await fit(Fitter(), on, turns(3))
    assert on.counted == 0


async def test_counts_of_old_turns_are_kept() -> None:
    on, fitter = models(400), Fitter()
    await fit(fitter, on, turns(10))
    before = on.counted
    await fit(fitter, on, turns(10))
    assert on.counted - before <= 3


async def test_the_start_of_the_prompt_stays_the_same_while_a_long_conversation_goes_on() -> None:
    on, fitter = models(600), Fitter()
    starts = []
    for length in range(5, 60):
        fitted = await fit(fitter, on, turns(length))
        assert await on.count("m", fitted.messages) <= 600 - 100
        assert fitted.messages[-2].content.startswith(f"assistant{length - 1} ")
        starts.append(fitted.messages[1].content.split()[0])
    changes = sum(a != b for a, b in itertools.pairwise(starts))
    assert 1 <= changes <= 8
    assert starts[0] == "user0"


async def test_a_turn_with_many_passages_does_not_shorten_the_turns_after_it() -> None:
    on, fitter = models(600), Fitter()
    plain = await fit(fitter, on, turns(15))
    crowded = await fit(fitter, on, turns(15), blocks=15)
    assert crowded.turns_used < plain.turns_used
    assert (await fit(fitter, on, turns(15))).messages == plain.messages


async def test_passages_that_do_not_fit_are_left_out_from_the_end() -> None:
    alone = await fit(Fitter(), models(400), blocks=50)
    beside = await fit(Fitter(), models(400), turns(30), blocks=50)
    assert 0 < beside.blocks < alone.blocks < 50
    assert beside.turns_used > 0


async def test_a_question_that_does_not_fit_alone_is_refused_with_both_numbers() -> None:
    with pytest.raises(ContextOverflow) as caught:
        await fit(Fitter(), models(200), compose=lambda n: "word " * 300)
    assert caught.value.tokens > caught.value.limit


async def test_turns_without_an_answer_do_not_reach_the_prompt() -> None:
    odd = [_turn("a", "assistant", "hello"), _turn("q1", "user", "lost"), *turns(1)]
    fitted = await fit(Fitter(), models(), odd)
    assert [m.content.split()[0] for m in fitted.messages[1:-1]] == ["user0", "assistant0"]
    assert fitted.turns_left_out == 2


async def test_an_engine_that_does_not_tell_its_context_is_taken_for_a_small_one() -> None:
    class Silent(Counted):
        async def capabilities(self, model: str) -> Capabilities:
            return Capabilities()

    on = Silent(ScriptedBackend("m", context=100_000))
    fitted = await fit(Fitter(), on, turns(300, 20))
    assert 1000 < await on.count("m", fitted.messages) <= 4096


async def test_the_fitter_forgets_conversations_rather_than_grow() -> None:
    fitter = Fitter(conversations=2, counts=5)
    await fit(fitter, models(600), turns(40))
    assert len(fitter._counts) == 5


async def test_a_long_text_is_split_into_pieces_that_fit() -> None:
    on = models(100_000)
    text = "\n\n".join(" ".join(f"w{p}x{i}" for i in range(37)) + "." for p in range(40))
    split = await Fitter().split(on, "m", text, 100, most=1000)
    assert " ".join(" ".join(split.pieces).split()) == " ".join(text.split())
    for piece in split.pieces:
        assert await on.count("m", [ChatMessage("user", piece)]) <= 101
    assert len(split.pieces) < 35
    assert split.more == 0
    assert (await Fitter().split(on, "m", "short", 100, most=1000)).pieces == ("short",)
    some = await Fitter().split(on, "m", text, 100, most=5)
    assert some.pieces == split.pieces[:5]
    assert abs(some.more - (len(split.pieces) - 5)) <= 3


@pytest.mark.parametrize("unit", ["Some words of a text. ", "word\n\n", "x", " \t" * 40 + "x"])
async def test_of_a_text_of_19_mb_only_the_pieces_that_are_used_are_made_and_counted(
    unit: str,
) -> None:
    on = models(100_000)
    text = unit * (19_000_000 // len(unit))
    split = await Fitter().split(on, "m", text, 256, most=64)
    assert len(split.pieces) == 64
    assert split.more > 300
    assert on.counted < 200
    assert on.characters < 1_500_000


async def test_cutting_a_long_text_takes_no_more_of_the_event_loop_than_a_short_one() -> None:
    async def steps(characters: int) -> int:
        """The lines of our code that run on the loop's own thread."""
        count = 0

        def see(frame: FrameType, event: str, arg: object) -> Any:
            nonlocal count
            if "/bot/" not in frame.f_code.co_filename:
                return None
            count += 1
            return see

        text = "Some words of a text. " * (characters // 22)
        before = sys.gettrace()
        sys.settrace(see)
        try:
            await Fitter().split(models(100_000), "m", text, 256, most=64)
        finally:
            sys.settrace(before)
        return count

    assert await steps(8_000_000) == await steps(1_000_000)


def test_a_text_is_cut_at_the_best_place_within_reach() -> None:
    text = "One sentence here. Another one.\n\nA paragraph that is new. And more of it"
    assert split_text(text, 40) == [
        "One sentence here. Another one.",
        "A paragraph that is new. And more of it",
    ]
    assert split_text("# A\n\ntext of a\n# B\ntext of b", 20) == [
        "# A\n\ntext of a",
        "# B\ntext of b",
    ]
    assert split_text("abcdefghij", 4) == ["abcd", "efgh", "ij"]


@given(st.text(alphabet="ab .\n。", max_size=400), st.integers(1, 50))
def test_cutting_loses_nothing_but_white_space(text: str, width: int) -> None:
    pieces = split_text(text, width)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(0 < len(piece) <= width for piece in pieces)
