"""What tools cost in time: a chat without them, one step of a model, the prompt at the second step.

The model is scripted and answers at once; the prompt is that of the default model in this process,
whose answers are held to the envelope.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path

from backends.base import ChatMessage, ChatRequest, EngineContext, Sampling, Tool, ToolCall, Usage
from backends.envelope import chat_in_envelope
from backends.files.catalog import CHAT_FILE
from backends.files.store import ModelStore, default_root
from backends.llama_cpp import ENGINE, LlamaCppOptions
from backends.scripted.backend import ScriptedBackend
from backends.scripted.script import Reply, ScriptedCall
from bench.rows import Row
from bot.testing import Parlance, running_skills

_TOOL = '''
from bot.api import Context, hookimpl, tool


@tool()
async def look(ctx: Context, where: str) -> str:
    """Look somewhere."""
    return "Seen."


@hookimpl
def register_tools():
    return [look]
'''
_STEPS = 6
_PARAMETERS = {"type": "object", "properties": {"where": {"type": "string"}}, "required": ["where"]}
_OFFERED = (Tool("look", "Look somewhere.", _PARAMETERS),)
_SYSTEM = ChatMessage("system", "You answer all that people ask of you. " * 12)


async def rows(quick: bool = False) -> list[Row]:
    """All rows."""
    turns = 20 if quick else 100
    return [await _without_tools(turns), *await _step(turns), await _second_step()]


async def _without_tools(turns: int) -> Row:
    """A chat turn with a model that has no tools, where tools are installed and where none are: the
    processor's time, which other work on the machine does not change."""
    spent: dict[bool, list[float]] = {True: [], False: []}
    async with AsyncExitStack() as stack:
        cores = {
            tools: await stack.enter_async_context(_core(tools=tools, able=False))
            for tools in (True, False)
        }
        for number in range(3 * turns):
            for tools in (True, False) if number % 2 else (False, True):
                began = time.process_time()
                await cores[tools].say("/chat how do the logs rotate here?", channel=str(number))
                spent[tools].append(time.process_time() - began)
    ratio = statistics.median(spent[False]) / statistics.median(spent[True])
    name = "chat turns a second without tools, beside a bot that has none"
    return Row(name, ratio, "×", "≥ 0.98", ratio >= 0.98)


async def _step(turns: int) -> list[Row]:
    """What each step adds to a turn, with a trivial tool."""
    found = []
    async with _core(tools=True, able=True) as core:
        for number in range(turns):
            taken = []
            for steps in (0, _STEPS):
                began = time.perf_counter()
                await core.say(f"/agent look {steps} times", channel=f"{number}-{steps}")
                taken.append(time.perf_counter() - began)
            found.append((taken[1] - taken[0]) / _STEPS * 1e3)
    p50, p99 = statistics.median(found), sorted(found)[int(len(found) * 0.99)]
    return [
        Row("a step with a trivial tool, scripted model, p50", p50, "ms", "≤ 15", p50 <= 15),
        Row("a step with a trivial tool, scripted model, p99", p99, "ms", "", None),
    ]


@asynccontextmanager
async def _core(*, tools: bool, able: bool) -> AsyncIterator[Parlance]:
    calls = itertools.count()

    def answer(request: ChatRequest) -> Reply | str:
        done = sum(message.role == "tool" for message in request.messages)
        if not any(f"look {_STEPS} times" in one.content for one in request.messages):
            return "The logs rotate every day at midnight."
        if done == _STEPS:
            return "Looked."
        call = ScriptedCall(name="look", arguments={"where": str(next(calls))})
        return Reply(tool_calls=(call,))

    with tempfile.TemporaryDirectory(prefix="parlance-bench-") as folder:
        place = Path(folder)
        (place / "plugins").mkdir()
        (place / "plugins" / "look.py").write_text(_TOOL, "utf-8")
        async with running_skills(
            plugins=["plugins.chat", *(["plugins.agent"] if tools else [])],
            folders=[place / "plugins"] if tools else [],
            folder=place,
            models=[ScriptedBackend("default", answer=answer, tools=able)],
            sections={"agent": {"person": {"daily_steps": 0}, "place": {"daily_seconds": 0}}},
        ) as core:
            yield core


async def _second_step() -> Row:
    """Tokens of the first step's prompt that the second step computes again."""
    options = LlamaCppOptions(
        source=CHAT_FILE.source, sha256=CHAT_FILE.sha256, context=2048, n_threads=1
    )
    context = EngineContext(ModelStore(default_root()), lambda _: None)
    backend = await asyncio.to_thread(ENGINE.create, "bench", options, context)
    messages = [_SYSTEM, ChatMessage("user", "Look at the lamp.")]

    async def ask(said: Sequence[ChatMessage]) -> Usage:
        sampling = Sampling(temperature=0.0, max_tokens=40)
        request = ChatRequest(tuple(said), sampling, conversation="c", tools=_OFFERED)
        usage = Usage()
        async with aclosing(chat_in_envelope(backend, request)) as chunks:
            async for chunk in chunks:
                usage = chunk.usage or usage
        return usage

    try:
        first = await ask(messages)
        call = ToolCall("0", "look", {"where": "the lamp"})
        messages += [
            ChatMessage("assistant", "", (call,)),
            ChatMessage("tool", "Lit.", tool_call_id="0"),
        ]
        second = await ask(messages)
    finally:
        await backend.aclose()
    again = max(0, first.prompt_tokens - second.cached_tokens)
    name = "tokens of the first step computed again at the second, default model in this process"
    return Row(name, float(again), "", "0", again == 0)
