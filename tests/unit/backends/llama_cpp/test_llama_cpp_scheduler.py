"""The scheduler without a thread: what llama.cpp refuses fails alone; how a round is filled."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from backends.base import ChatMessage, ChatRequest, Chunk, Sampling
from backends.errors import BackendError, BackendUnavailable
from backends.llama_cpp import LlamaCppOptions
from backends.llama_cpp.job import Job, Outcome
from backends.llama_cpp.native import Model
from backends.llama_cpp.round_budget import RoundBudget
from backends.llama_cpp.scheduler import Scheduler
from backends.llama_cpp.templates import ChatTemplate

NO_SUCH_TOKEN = 10_000_000


class Delivered:
    """Collects what the scheduler delivers."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[Job, Outcome]] = []

    def __call__(self, outbox: Sequence[tuple[Job, Outcome]]) -> None:
        self.outcomes += outbox

    def text(self, job: Job) -> str:
        return "".join(o.text for j, o in self.outcomes if j is job and isinstance(o, Chunk))

    def errors(self, job: Job) -> list[BackendError]:
        return [o for j, o in self.outcomes if j is job and isinstance(o, BackendError)]


@pytest.fixture
def delivered() -> Delivered:
    return Delivered()


@pytest.fixture
def scheduler(model: Model, chat_model_path: Path, delivered: Delivered) -> Iterator[Scheduler]:
    options = LlamaCppOptions(source=f"file:{chat_model_path}", context=256, n_threads=1)
    scheduler = Scheduler(model, options, delivered)
    yield scheduler
    scheduler.close()


class Asking:
    """Makes requests. The prompt of the question "poison" ends in a token that does not exist."""

    def __init__(self, model: Model) -> None:
        self._template = ChatTemplate(model, model.head.template)

    def __call__(self, text: str, *, max_tokens: int = 6, person: str | None = None) -> Job:
        messages = (ChatMessage("user", text),)
        prompt = self._template.prompt(messages)
        if text == "poison":
            prompt.tokens.append(NO_SUCH_TOKEN)
        sampling = Sampling(temperature=0.0, max_tokens=max_tokens)
        request = ChatRequest(messages, sampling, person=person)
        return Job(request, prompt, asyncio.get_running_loop())


@pytest.fixture
def job(model: Model) -> Asking:
    return Asking(model)


async def test_what_llama_cpp_refuses_fails_alone(
    scheduler: Scheduler, delivered: Delivered, job: Asking
) -> None:
    good, bad, late = job("Hello!"), job("poison"), job("Good evening!")
    for each in (good, bad, late):
        scheduler.submit(each)
    while scheduler.has_work:
        scheduler.run_round()
    scheduler.flush()
    assert [type(e) for e in delivered.errors(bad)] == [BackendUnavailable]
    for each in (good, late):
        assert delivered.text(each)
        assert not delivered.errors(each)


async def test_a_cancelled_request_is_gone_after_one_round(
    scheduler: Scheduler, job: Asking
) -> None:
    endless = job("Tell me a long story.", max_tokens=200)
    scheduler.submit(endless)
    while not scheduler.busy or not scheduler.cache.live_cells:
        scheduler.run_round()
    endless.cancelled = True
    scheduler.run_round()
    assert scheduler.busy == 0
    assert not scheduler.has_work


async def test_a_newcomer_joins_at_the_next_round(scheduler: Scheduler, job: Asking) -> None:
    scheduler.submit(job("Tell me a long story.", max_tokens=100))
    scheduler.run_round()
    assert scheduler.busy == 1
    scheduler.submit(job("Hello!"))
    scheduler.run_round()
    assert scheduler.busy == 2


async def test_one_person_cannot_take_the_last_place(
    scheduler: Scheduler, delivered: Delivered, job: Asking
) -> None:
    for n in range(10):
        scheduler.submit(job(f"{n}?", max_tokens=100, person="ada"))
    scheduler.run_round()
    assert scheduler.busy == 7
    newcomer = job("Hello!", person="bob")
    scheduler.submit(newcomer)
    while not delivered.text(newcomer):
        assert scheduler.busy <= 8
        scheduler.run_round()
        scheduler.flush()
    assert scheduler.writer.requests == 0  # none of the long ones had to end for it


def test_the_reading_budget_follows_the_machine() -> None:
    slow, fast = RoundBudget(512), RoundBudget(512)
    for _ in range(20):
        slow.note(1, slow.budget, slow.budget / 100, slow.budget / 100)
        fast.note(1, fast.budget, fast.budget / 1e5, fast.budget / 1e5)
    assert slow.budget == 16
    assert fast.budget == 512
    assert slow.prefill_rate == pytest.approx(100)


def test_a_round_reads_a_whole_tile_where_fewer_tokens_would_take_longer() -> None:
    budget = RoundBudget(512)
    for tokens, token_s in ((64, 0.0015), (24, 0.0044), (40, 0.0044)):
        budget.note(8, tokens, tokens * token_s, tokens * token_s)
    assert budget.budget == 64
