"""What a model may do for a search, and what happens where it is no use."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.base import ChatRequest
from backends.errors import (
    BackendBusy,
    BackendError,
    BackendUnavailable,
    ContextOverflow,
    DeadlineExceeded,
    InvalidRequest,
)
from backends.scripted.backend import ScriptedBackend
from backends.scripted.script import Reply
from bot.answering.query_rewriting import accept_rewrite, parse_alternatives, search_for
from bot.prompting.templates import JinjaPrompts
from bot.skills.services import Searching
from bot.types import File
from plugins.ask_docs import ask
from tests.unit.plugins.stage import PROMPTS, Said, Stage
from tests.until import until

BEFORE = "How do the logs rotate?"
FOLLOW_UP = "and as for Windows?"
ALONE = "How do the logs rotate on Windows?"
WINDOWS = "On Windows the logs rotate with the task scheduler."


@pytest.fixture
def model() -> ScriptedBackend:
    return ScriptedBackend(
        "default",
        replies=(
            Reply(f'Question: "{ALONE}"\n\nI hope this helps!', match="Write that question"),
            Reply("1. rotate logs\n- logs of Windows\n", match="search queries"),
            Reply("With the task scheduler [1].", match="numbered passages"),
        ),
    )


async def follow_up(on: Stage, searching: Searching, question: str = FOLLOW_UP) -> Said:
    on.shelf.put("Logs", WINDOWS)
    on.services = replace(on.services, searching=searching)
    await on.remember((BEFORE, "With logrotate."))
    return await on.call(ask, options={"question": question})


async def test_a_model_makes_the_question_stand_by_itself(on: Stage) -> None:
    said = await follow_up(on, Searching(rewrite=True))
    assert on.shelf.queries == [ALONE]
    assert said.explanation.searched == (ALONE,)
    assert said.sources == [1]
    prompt = on.prompts()[0]
    assert "<conversation-" in prompt
    assert BEFORE in prompt


async def test_a_model_proposes_other_ways_to_put_it(on: Stage) -> None:
    said = await follow_up(on, Searching(multi_query=True), "How do logs rotate on Windows?")
    assert on.shelf.queries == ["How do logs rotate on Windows?", "rotate logs", "logs of Windows"]
    assert said.explanation.searched == tuple(on.shelf.queries)


async def test_nothing_is_asked_of_a_model_unless_config_says_so(on: Stage) -> None:
    await follow_up(on, Searching())
    assert len(on.backend.requests) == 1


async def test_a_copy_of_a_passage_that_was_found_is_not_read_beside_it(on: Stage) -> None:
    for _ in range(2):
        for number in range(8):
            on.shelf.put(f"Logs {number}", f"{WINDOWS} {number}")
    on.shelf.put("Rest", "Nothing of that kind.")
    found = await search_for(on.context(ALONE), ALONE, bases=["default"])
    texts = [one.text for one in (*found.passages, *found.further)]
    assert len(texts) == len(set(texts)) == 9


async def test_without_earlier_turns_nothing_is_rewritten(on: Stage) -> None:
    on.shelf.put("Logs", WINDOWS)
    on.services = replace(on.services, searching=Searching(rewrite=True))
    await on.call(ask, options={"question": ALONE})
    assert on.shelf.queries == [ALONE]
    assert len(on.backend.requests) == 1


class TestAModelThatFails:
    @pytest.fixture
    def model(self) -> ScriptedBackend:
        return ScriptedBackend("default", replies=("With the task scheduler [1].",))

    @pytest.mark.parametrize(
        "error",
        [
            BackendUnavailable("The engine is gone."),
            BackendBusy(30.0),
            ContextOverflow(9000, 4096),
            DeadlineExceeded("it took too long."),
            InvalidRequest("It cannot stop at a line's end."),
        ],
        ids=lambda error: type(error).__name__,
    )
    @pytest.mark.parametrize("searching", [Searching(rewrite=True), Searching(multi_query=True)])
    async def test_is_done_without(
        self, on: Stage, error: BackendError, searching: Searching
    ) -> None:
        on.backend.fail_next(error)
        said = await follow_up(on, searching)
        assert on.shelf.queries == [f"{BEFORE} {FOLLOW_UP}"]
        assert said.sources == [1]

    async def test_is_done_without_where_the_prompt_is_broken(
        self, on: Stage, tmp_path: Path
    ) -> None:
        (tmp_path / "rewrite.j2").write_text("{{ question / 2 }}")
        prompts = await asyncio.to_thread(JinjaPrompts, [tmp_path, PROMPTS])
        on.services = replace(on.services, prompts=prompts)
        said = await follow_up(on, Searching(rewrite=True))
        assert on.shelf.queries == [f"{BEFORE} {FOLLOW_UP}"]
        assert said.sources == [1]


class TestAModelThatThinks:
    @pytest.fixture
    def model(self) -> ScriptedBackend:
        return ScriptedBackend(
            "default",
            replies=(
                Reply("<think>They ask of the logs, and of", match="Write that question"),
                Reply("<think>Which words would they use", match="search queries"),
                Reply("<think>Of Windows.</think>With the task scheduler [1].", match="numbered"),
            ),
        )

    @pytest.mark.parametrize("shown", [False, True])
    async def test_a_step_in_which_it_only_thought_is_done_without(
        self, on: Stage, shown: bool
    ) -> None:
        on.models.show_thoughts = shown
        said = await follow_up(on, Searching(rewrite=True, multi_query=True))
        assert len(on.backend.requests) == 3
        assert on.shelf.queries == [f"{BEFORE} {FOLLOW_UP}"]
        assert said.text == "With the task scheduler [1]."
        files = [part.data for part in said.of(File)]
        assert files == ([b"Of Windows."] if shown else [])

    async def test_a_step_beside_the_answer_is_not_part_of_its_record(self, on: Stage) -> None:
        on.services = replace(on.services, searching=Searching(multi_query=True))
        ctx = on.context()
        bases = await ctx.knowledge.bases(ctx.asker)
        await search_for(ctx, ALONE, bases=bases, model="default")
        assert len(on.backend.requests) == 1
        assert (ctx.record.model, ctx.record.usage) == ("", None)


class TestAModelThatBreaksOff:
    @pytest.fixture
    def model(self) -> ScriptedBackend:
        def answer(request: ChatRequest) -> str:
            if "numbered" in request.messages[-1].content:
                return "With the task scheduler [1]."
            raise LookupError("A bug of an engine that somebody else wrote.")

        return ScriptedBackend("default", answer=answer)

    async def test_is_done_without(self, on: Stage) -> None:
        said = await follow_up(on, Searching(rewrite=True, multi_query=True))
        assert on.shelf.queries == [f"{BEFORE} {FOLLOW_UP}"]
        assert said.sources == [1]


class TestAModelThatIsSlow:
    @pytest.fixture
    def model(self) -> ScriptedBackend:
        return ScriptedBackend(
            "default",
            replies=(
                Reply(ALONE, match="Write that question", stall_after=1),
                Reply("With the task scheduler [1]."),
            ),
        )

    async def test_is_done_without_after_its_time(self, on: Stage) -> None:
        said = await follow_up(on, Searching(rewrite=True, deadline_s=0.05))
        assert on.shelf.queries == [f"{BEFORE} {FOLLOW_UP}"]
        assert said.sources == [1]

    async def test_is_cancelled_with_the_turn(self, on: Stage) -> None:
        task = asyncio.create_task(follow_up(on, Searching(rewrite=True)))
        await until(lambda: on.backend.requests)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert on.backend.active == 0
        assert on.shelf.queries == []


@pytest.mark.parametrize(
    "said",
    [
        "",
        "   \n \n",
        "“”",
        FOLLOW_UP,
        "The capital of France is Paris, and many people visit the museums there in summer.",
        "How do the logs rotate on Windows, " + "and what else should I know about it " * 6,
        "How do the logs rotate?",
    ],
)
def test_a_rewritten_question_that_is_no_use_is_dropped(said: str) -> None:
    assert accept_rewrite(said, FOLLOW_UP, [BEFORE, "With logrotate."]) is None


def test_a_rewritten_question_is_freed_of_what_is_around_it() -> None:
    for said in (ALONE, f"1. {ALONE}", f"Rewritten question: “{ALONE}”\nBecause …"):
        assert accept_rewrite(said, FOLLOW_UP, [BEFORE]) == ALONE


def test_at_most_three_other_wordings_are_kept_and_none_twice() -> None:
    said = "1) rotate logs\n* ROTATE LOGS\nbake a cake\nold logs\n\nlog files\nall logs\nlogs " * 2
    assert parse_alternatives(said, "How do I rotate the logs?") == (
        "rotate logs",
        "old logs",
        "log files",
    )


@given(st.text(max_size=400), st.text(max_size=60), st.text(max_size=60))
def test_whatever_a_model_says_is_bounded(said: str, question: str, earlier: str) -> None:
    alone = accept_rewrite(said, question, [earlier])
    assert alone is None or len(alone) <= len(question) + 160
    others = parse_alternatives(said, question)
    assert len(others) <= 3
    assert all(0 < len(one) <= 200 and "\n" not in one for one in others)
