"""Prompt lookup: what is drafted, and that answers stay the same to the token."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from backends.base import ChatMessage, ChatRequest, Chunk, Sampling, Tool
from backends.errors import BackendError
from backends.llama_cpp import LlamaCppOptions
from backends.llama_cpp.draft_plan import RowTimes
from backends.llama_cpp.job import Job
from backends.llama_cpp.native import Model
from backends.llama_cpp.prompt_lookup import PromptLookup, Rates
from backends.llama_cpp.scheduler import Scheduler
from backends.llama_cpp.templates import ChatTemplate
from tests.unit.backends.llama_cpp.asking import Make, tell
from tests.unit.backends.llama_cpp.tiny import write_recurrent_model, write_sliding_window_model
from tests.unit.backends.llama_cpp.tool_templates import TAGGED
from tests.until import until

LIST = "Repeat: " + "red, blue, green, " * 4
FEW = {**dict.fromkeys(range(64, 69), 30.0), 257: -1000.0}
"""Five letters, which are repeated often, and no end."""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    """A model of random weights, whose rounds take less than a thousandth of a second."""
    path = tmp_path_factory.mktemp("model") / "tiny.gguf"
    write_sliding_window_model(path, template=TAGGED)
    model = Model(path, LlamaCppOptions(source=f"file:{path}"))
    yield model
    model.close()


# -- what is found ---------------------------------------------------------------------------------


def found(tokens: list[int], most: int = 4) -> tuple[list[int], int] | None:
    draft = PromptLookup().draft(tokens, most)
    return None if draft is None else (list(draft.tokens), draft.matched)


def test_the_longest_run_is_continued() -> None:
    assert found([1, 2, 3, 4, 5, 6, 2, 3, 9, 9, 1, 2, 3]) == ([4, 5, 6, 2], 3)


def test_of_equal_runs_the_last_is_continued() -> None:
    assert found([7, 1, 2, 5, 5, 8, 1, 2, 6, 6, 9, 1, 2], 2) == ([6, 6], 2)


def test_a_run_that_repeats_itself_is_continued_round_and_round() -> None:
    assert found([4, 1, 2, 1, 2], 5) == ([1, 2, 1, 2, 1], 2)


@pytest.mark.parametrize("tokens", [[1], [1, 2, 3]])
def test_nothing_is_found_where_nothing_is_alike(tokens: list[int]) -> None:
    assert found(tokens) is None


def test_tokens_that_come_later_are_found_as_if_they_had_been_there() -> None:
    draw = random.Random(2)
    tokens = [draw.randrange(30) for _ in range(3)]
    growing = PromptLookup()
    for _ in range(300):
        tokens += [draw.randrange(30) for _ in range(draw.randint(1, 4))]
        assert growing.draft(tokens, 4) == PromptLookup().draft(tokens, 4)


def test_rates_follow_an_answer_and_begin_with_those_of_others() -> None:
    shared = Rates()
    quoting, telling = Rates(shared), Rates(shared)
    first = quoting.rate(3)
    for _ in range(30):
        quoting.note(3, right=True)
    assert quoting.rate(3) > 0.9
    assert telling.rate(3) > first
    for _ in range(30):
        telling.note(3, right=False)
    assert telling.rate(3) < 0.2
    assert telling.rate(12) == shared.rate(12)


def test_a_round_that_was_held_up_does_not_change_what_rows_cost() -> None:
    times = RowTimes()
    for drafted, seconds in ((0, 0.01), (0, 0.01), (0, 0.5), (2, 0.02), (4, 0.9), (2, 0.02)):
        times.note(drafted, seconds)
    assert times.plain_s == pytest.approx(0.01)
    assert times.row_s(1) == pytest.approx(0.005)


def test_what_rounds_take_is_measured_again() -> None:
    times = RowTimes()
    for drafted in (0, 0, 0, 4, 4, 4):
        times.note(drafted, 0.01 + drafted * 0.01)
    assert times.row_s(2) == pytest.approx(0.01)
    for _ in range(13):
        times.note(1, 0.02)
    assert times.plain_s is None  # a round without drafts is due
    for _ in range(300):
        times.note(0, 0.01)
    assert times.row_s(2) == pytest.approx(0.0025)  # tried again as if it had never been


# -- answers stay the same -------------------------------------------------------------------------


@dataclass
class Answers:
    """Runs requests in a scheduler, round by round."""

    model: Model
    scheduler: Scheduler
    loop: asyncio.AbstractEventLoop
    chunks: dict[Job, list[Chunk]] = field(default_factory=dict)
    errors: list[BackendError] = field(default_factory=list)

    def ask(self, text: str, conversation: str | None = None, **options: Any) -> Job:
        tools = options.pop("tools", ())
        messages = (ChatMessage("user", text),)
        prompt = ChatTemplate(self.model, self.model.head.template).prompt(messages, tools=tools)
        sampling = Sampling(**{"temperature": 0.0, "max_tokens": 110, "logit_bias": FEW, **options})
        request = ChatRequest(messages, sampling, conversation=conversation, tools=tools)
        job = Job(request, prompt, self.loop)
        self.scheduler.submit(job)
        return job

    def run(self) -> None:
        while self.scheduler.has_work:
            self.scheduler.run_round()
        self.scheduler.flush()
        assert not self.errors

    def text(self, job: Job) -> str:
        return "".join(chunk.text for chunk in self.chunks[job])


@contextmanager
def answering(model: Model, **options: Any) -> Iterator[Answers]:
    """Prompts are read in pieces of one size: what a model computes depends on it a little."""
    settings = {"context": 512, "n_threads": 1, "parallel": 2, "n_batch": 16, **options}
    answers: Answers

    def deliver(outbox: Any) -> None:
        for job, outcome in outbox:
            if isinstance(outcome, BackendError):
                answers.errors.append(outcome)
            else:
                answers.chunks.setdefault(job, []).append(outcome)

    scheduler = Scheduler(model, LlamaCppOptions(source="file:tiny", **settings), deliver)
    loop = asyncio.new_event_loop()
    answers = Answers(model, scheduler, loop)
    try:
        yield answers
    finally:
        scheduler.close()
        loop.close()


SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "array", "items": {"enum": ["ab", "abc", "b"]}, "minItems": 9}},
    "required": ["n"],
}


@pytest.mark.parametrize(
    "sampling",
    [
        {},
        {"temperature": 0.8, "seed": 3},
        {"temperature": 1.0, "seed": 4, "top_k": 0, "top_p": 1.0, "min_p": 0.0},
        {"temperature": 0.8, "seed": 5, "repeat_penalty": 1.1},
        {"frequency_penalty": 0.3, "presence_penalty": 0.2},
        {"json_schema": SCHEMA, "logit_bias": {}},
        {"json_schema": SCHEMA, "temperature": 0.7, "seed": 6, "logit_bias": {}},
        {"tools": (Tool("look", "Looks.", SCHEMA),)},
        {"copy_from": ("red, blue, green, red, blue, green, red, blue, green",), "logit_bias": {}},
    ],
    ids=lambda sampling: ", ".join(sampling) or "greedy",
)
def test_an_answer_is_the_same_with_drafts(tiny: Model, sampling: dict[str, Any]) -> None:
    told: dict[bool, list[object]] = {True: [], False: []}
    for lookup in told:
        with answering(tiny, prompt_lookup=lookup) as answers:
            for turn in range(3):  # what rounds take must be known before anything is drafted
                job = answers.ask(LIST, f"c{turn}", **sampling)
                answers.run()
                end = answers.chunks[job][-1]
                assert end.usage is not None
                known = answers.scheduler.cache.known_tokens(f"c{turn}")
                told[lookup] += [answers.text(job), end.usage.completion_tokens, end.finish, known]
            drafts = answers.scheduler.drafts
            assert drafts is None or drafts.drafted > 0
    assert told[True] == told[False]


def test_an_answer_ends_where_it_would_without_drafts(tiny: Model) -> None:
    with answering(tiny) as answers:
        for length in range(40, 60):  # the last token is at another place of its draft each time
            job = answers.ask(LIST, max_tokens=length, logit_bias={64: 60.0})
            answers.run()
            assert answers.text(job) == "a" * length
            assert answers.chunks[job][-1].finish == "length"
            job = answers.ask(LIST, stop=("b" * length,), logit_bias={65: 60.0})
            answers.run()
            assert answers.text(job) == ""
            assert answers.chunks[job][-1].finish == "stop"
            usage = answers.chunks[job][-1].usage
            assert usage is not None
            assert usage.completion_tokens == length
        assert answers.scheduler.drafts is not None
        assert answers.scheduler.drafts.accepted > 500


def test_the_next_turn_goes_on_from_what_was_accepted(tiny: Model) -> None:
    texts: dict[bool, list[str]] = {True: [], False: []}
    for lookup in texts:
        with answering(tiny, prompt_lookup=lookup) as answers:
            for turn in (1, 2, 3):
                job = answers.ask(LIST * turn, "c", max_tokens=80)
                answers.run()
                texts[lookup].append(answers.text(job))
                assert answers.scheduler.cache.known_tokens("c") == job.prompt.tokens[:-1]
    assert texts[True] == texts[False]


def test_several_answers_and_a_full_cache_change_nothing(tiny: Model) -> None:
    texts: dict[bool, list[str]] = {True: [], False: []}
    for lookup in texts:
        small = {"parallel": 4, "context": 256, "cache_tokens": 256}
        with answering(tiny, prompt_lookup=lookup, **small) as answers:
            jobs = [answers.ask(f"{n}{LIST}", max_tokens=100) for n in range(4)]
            answers.run()
            assert answers.scheduler.preempted > 0
            assert answers.scheduler.writer.completion_tokens == 400
            texts[lookup] = [answers.text(job) for job in jobs]
            drafts = answers.scheduler.drafts
            assert drafts is None or drafts.drafted > 0
    assert texts[True] == texts[False]


def test_a_full_cache_evicts_no_conversation_for_a_draft(tiny: Model) -> None:
    with answering(tiny, context=256, cache_tokens=256) as answers:
        answers.ask(LIST, "a", max_tokens=10)
        answers.run()
        job = answers.ask("b", "b", max_tokens=110)
        answers.run()
        assert len(answers.text(job)) == 110
        assert answers.scheduler.drafts is not None
        assert answers.scheduler.drafts.drafted > 0
        assert answers.scheduler.cache.evicted == 0


def test_cancelling_one_leaves_the_drafts_of_another_right(tiny: Model) -> None:
    texts = []
    for cancels in (True, False):
        with answering(tiny) as answers:
            kept = answers.ask(LIST)
            if cancels:
                other = answers.ask(f"Again. {LIST}")
                while not answers.scheduler.drafts or not answers.scheduler.drafts.drafted:
                    answers.scheduler.run_round()
                other.cancelled = True
            answers.run()
            texts.append(answers.text(kept))
    assert texts[0] == texts[1]


@pytest.mark.parametrize("write", [write_recurrent_model, write_sliding_window_model])
async def test_a_memory_that_cannot_be_cut_gets_no_drafts(
    make: Make, tmp_path: Path, write: Any
) -> None:
    path = tmp_path / "model.gguf"
    write(path)
    backend = make(source=f"file:{path}", swa_full=False)
    told = await tell(backend, "aaaa " * 20, max_tokens=60, logit_bias={64: 40.0})
    assert told.usage.completion_tokens == 60
    assert backend.stats().drafted_tokens == 0


async def test_figures_of_drafts_are_kept_beyond_an_unloading(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    write_sliding_window_model(path)
    backend = make(source=f"file:{path}", parallel=1)
    told = await tell(backend, LIST, max_tokens=200, logit_bias={**FEW, 64: 60.0})
    stats = backend.stats()
    assert 0 < stats.accepted_tokens <= stats.drafted_tokens
    assert stats.completion_tokens == told.usage.completion_tokens == 200
    assert stats.rounds < 200
    await backend.unload()
    await until(lambda: not backend.stats().resident)
    assert backend.stats().drafted_tokens == stats.drafted_tokens
