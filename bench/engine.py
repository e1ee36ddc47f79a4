"""The in-process llama.cpp engine beside its peers, on the same file, threads and prompts.

Every comparison alternates between the two within one run, so that a machine that is busy with
something else is busy with it for both. `LLAMA_SERVER=path` adds a llama-server to the table.
"""

from __future__ import annotations

import asyncio
import gc
import random
import statistics
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, aclosing
from functools import partial
from pathlib import Path

import psutil

from backends.base import ChatMessage, ChatRequest, Sampling
from backends.files.store import ModelStore
from bench import engine_documents
from bench.engine_load import (
    GREEDY,
    SAMPLED,
    SHA256,
    SOURCE,
    THREADS,
    WARM,
    Ask,
    Load,
    answer,
    engine,
    question,
    stories,
    together,
)
from bench.engine_peers import NO_SERVER, LlamaServer, SerialLlama, describe, fastest, llama_server
from bench.pool import isolation
from bench.rows import Row, at_least, at_most, unmeasured
from bench.sliding_window import second_turn

SAMPLINGS = {"greedy": (GREEDY, 1.1), "sampled": (SAMPLED, 1.2)}
"""How tokens are chosen, and how much faster than llama-server we want to write then."""
USERS = (1, 4, 8)
Loads = dict[tuple[str, int], list[Load]]
"""What was measured of one side, by the sampling and the number of users."""


async def rows(quick: bool = False) -> list[Row]:
    """Measure everything; `quick` takes fewer repetitions and shorter conversations."""
    path = await asyncio.to_thread(ModelStore().fetch, SOURCE, SHA256)
    server = llama_server()
    table: list[Row] = []
    if server is not None:
        table.append(Row(await describe(server), None, "", "", None))
    variants: Sequence[Sequence[str]] = ()
    if server is not None:
        variants = await fastest(server, path, THREADS, "8 users", _trial)
    table += await throughput(path, server, variants, repeats=1 if quick else 3)
    table += await engine_documents.rows(path, server, variants[:3], quick=quick)
    table.append(await isolation(3 if quick else 6))
    table += await next_turn(path, conversations=3 if quick else 8)
    table += await second_turn()
    table += await cancellation(path, repeats=5 if quick else 20)
    table += await memory(path, requests=200 if quick else 1000)
    table.append(unmeasured("64 users on a GPU, tokens/s beside llama-server", "no GPU"))
    return table


# -- tokens a second, time to the first token ------------------------------------------------------


async def throughput(
    path: Path, server: str | None, variants: Sequence[Sequence[str]], repeats: int
) -> list[Row]:
    """1, 4 and 8 users beside one `Llama` behind a lock, and beside llama-server where named."""
    sides: dict[str, Ask] = {}
    loads: dict[str, Loads] = {"ours": {}, "serial": {}, "server": {}}
    async with AsyncExitStack() as stack:
        backend = await stack.enter_async_context(engine(path))
        sides["ours"] = partial(answer, backend)
        llama = await asyncio.to_thread(SerialLlama, path, THREADS)
        stack.callback(llama.close)
        sides["serial"] = llama.ask
        if server is not None:
            peer = LlamaServer.running(server, path, THREADS, variants[0])
            sides["server"] = (await stack.enter_async_context(peer)).ask
        for side in sides.values():  # the shared prompt is in every cache then
            await together(side, stories(8, 900), WARM)
        at, order = 1, list(sides)
        for _ in range(repeats):
            for name, (sampling, _) in SAMPLINGS.items():
                for users in USERS:
                    for who in order:
                        if who == "serial" and users == 4:  # nothing is asked of it there
                            continue
                        load = await together(sides[who], stories(users, at), sampling)
                        loads[who].setdefault((name, users), []).append(load)
                    at += users
            order = order[1:] + order[:1]  # who goes first changes from round to round
        share = backend.stats().python_share
    table = _rate_rows(loads["ours"], loads["serial"], loads["server"])
    table.append(at_most("Python's share of a writing round", share * 100, "%", 5))
    return table


async def _trial(peer: LlamaServer) -> Load:
    """What tells which flags are the fastest: eight users, once the shared prompt was read."""
    await together(peer.ask, stories(8, 900), WARM)
    return await together(peer.ask, stories(8, 800), GREEDY)


def _rate_rows(ours: Loads, serial: Loads, server: Loads) -> list[Row]:
    table: list[Row] = []
    for name, (_, faster) in SAMPLINGS.items():
        for users in USERS:
            rate = statistics.median(load.rate for load in ours[name, users])
            table.append(Row(f"{users} users, {name}", rate, "tokens/s", "", None))
        for users, least in ((1, 0.99), (8, 1.7)):
            ratio = _ratio("rate", ours[name, users], serial[name, users])
            what = f"{users} users, {name}: tokens/s beside serial Llama"
            table.append(at_least(what, ratio, "x", least))
        for users in (4, 8):
            what = f"{users} users, {name}: tokens/s beside llama-server"
            if not server:
                table.append(unmeasured(what, NO_SERVER))
                continue
            ratio = _ratio("rate", ours[name, users], server[name, users])
            table.append(at_least(what, ratio, "x", faster))
        for which in ("median_first_s", "worst_first_s"):
            what = f"8 users, {name}: {which.split('_')[0]} first token beside llama-server"
            if not server:
                table.append(unmeasured(what, NO_SERVER))
                continue
            ratio = _ratio(which, ours[name, 8], server[name, 8])
            table.append(at_most(what, ratio, "x", 0.8))
    return table


def _ratio(figure: str, ours: Sequence[Load], theirs: Sequence[Load]) -> float:
    """The middle ratio of a figure in loads that were measured in turn."""
    pairs = zip(ours, theirs, strict=True)
    return float(statistics.median(getattr(a, figure) / getattr(b, figure) for a, b in pairs))


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
        at_most(f"{name}, {conversations} in turn", value, "x", 0.15),
        at_most(f"{name}, one conversation", ratios[-1], "x", 0.25),
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
            while backend.stats().slots_busy < len(neighbours):  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.01)
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
    return [at_most("cancel until the sequence is free, worst", max(waits), "ms", 150)]


# -- memory ----------------------------------------------------------------------------------------


async def memory(path: Path, requests: int) -> list[Row]:
    """Resident memory after many mixed requests beside after the first two fifths, when as many
    conversations are parked as may be."""
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
            if not early and done >= requests * 2 // 5:
                gc.collect()
                early = process.memory_info().rss
        gc.collect()
        late = process.memory_info().rss
    name = f"resident memory after {requests} requests beside after {requests * 2 // 5}"
    return [
        at_most(name, late / early, "x", 1.03),
        Row("resident memory after them", late / 1e6, "MB", "", None),
    ]
