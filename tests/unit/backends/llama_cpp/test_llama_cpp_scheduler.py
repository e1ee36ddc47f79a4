"""The scheduler without a thread: what llama.cpp refuses fails alone; how a round is filled."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from backends.base import ChatMessage, ChatRequest, Chunk, Sampling
from backends.errors import BackendError, BackendUnavailable
from backends.llama_cpp import LlamaCppOptions
from backends.llama_cpp.job import Job, Outcome
from backends.llama_cpp.native import Model
from backends.llama_cpp.round_budget import RoundBudget
from backends.llama_cpp.scheduler import Scheduler
from backends.llama_cpp.templates import ChatTemplate, Prompt

NO_SUCH_TOKEN = 10_000_000


class Poisoned(ChatTemplate):
    """A template whose prompt for the question "poison" ends in a token that does not exist."""

    def prompt(
        self, messages: Sequence[ChatMessage], known: Sequence[int] = (), **how: Any
    ) -> Prompt:
        prompt = super().prompt(messages, known, **how)
        if messages[-1].content == "poison":
            prompt.tokens.append(NO_SUCH_TOKEN)
        return prompt


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
    scheduler = Scheduler(model, options, Poisoned(model, model.head.template), delivered)
    yield scheduler
    scheduler.close()


def job(
    text: str, loop: asyncio.AbstractEventLoop, *, max_tokens: int = 6, person: str | None = None
) -> Job:
    sampling = Sampling(temperature=0.0, max_tokens=max_tokens)
    return Job(ChatRequest((ChatMessage("user", text),), sampling, person=person), loop)


async def test_what_llama_cpp_refuses_fails_alone(
    scheduler: Scheduler, delivered: Delivered
) -> None:
    loop = asyncio.get_running_loop()
    good, bad, late = job("Hello!", loop), job("poison", loop), job("Good evening!", loop)
    for each in (good, bad, late):
        scheduler.submit(each)
    while scheduler.has_work:
        scheduler.run_round()
    scheduler.flush()
    assert [type(e) for e in delivered.errors(bad)] == [BackendUnavailable]
    for each in (good, late):
        assert delivered.text(each)
        assert not delivered.errors(each)


async def test_a_cancelled_request_is_gone_after_one_round(scheduler: Scheduler) -> None:
    endless = job("Tell me a long story.", asyncio.get_running_loop(), max_tokens=200)
    scheduler.submit(endless)
    while not scheduler.busy or not scheduler.cache.live_cells:
        scheduler.run_round()
    endless.cancelled = True
    scheduler.run_round()
    assert scheduler.busy == 0
    assert not scheduler.has_work


async def test_a_newcomer_joins_at_the_next_round(scheduler: Scheduler) -> None:
    loop = asyncio.get_running_loop()
    scheduler.submit(job("Tell me a long story.", loop, max_tokens=100))
    scheduler.run_round()
    assert scheduler.busy == 1
    scheduler.submit(job("Hello!", loop))
    scheduler.run_round()
    assert scheduler.busy == 2


async def test_one_person_cannot_take_the_last_place(
    scheduler: Scheduler, delivered: Delivered
) -> None:
    loop = asyncio.get_running_loop()
    for n in range(10):
        scheduler.submit(job(f"{n}?", loop, max_tokens=100, person="ada"))
    scheduler.run_round()
    assert scheduler.busy == 7
    newcomer = job("Hello!", loop, person="bob")
    scheduler.submit(newcomer)
    while not delivered.text(newcomer):
        assert scheduler.busy <= 8
        scheduler.run_round()
        scheduler.flush()
    assert scheduler.requests == 0  # none of the long ones had to end for it


def test_the_reading_budget_follows_the_machine() -> None:
    slow, fast = RoundBudget(512), RoundBudget(512)
    for _ in range(20):
        slow.note(1, slow.budget, slow.budget / 100, slow.budget / 100)
        fast.note(1, fast.budget, fast.budget / 1e5, fast.budget / 1e5)
    assert slow.budget == 16
    assert fast.budget == 512
    assert slow.prefill_rate == pytest.approx(100)
