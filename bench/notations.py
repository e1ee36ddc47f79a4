"""The reader of answers: what it costs, and whether calls in every notation are read right.

The calls are those of the Berkeley Function-Calling Leaderboard (BFCL, Apache-2.0), written by an
oracle and torn at random; its data is fetched from the package index, and is no part of the
project.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.base import ChatMessage, ChatRequest, Chunk, Sampling, Tool, ToolCall
from backends.files.store import ModelStore
from backends.notations.families import NOTATIONS
from backends.notations.reader import AnswerReader
from bench.engine_load import SHA256, SOURCE, engine
from bench.rows import Row

_PACKAGE = "pypi:bfcl-eval==2026.3.23#bfcl_eval/data"
_CALLS: Mapping[str, tuple[str, str]] = {
    "simple_python": (
        "82dd63ba502eb2520c6b5d1d9a5c4b590e03ff261565175561f6228a367d1991",
        "90cd5bc653690ee8e459b5b3f3fc9458606f7f3fcbf795bb51b7dc581f8c86dc",
    ),
    "multiple": (
        "aef168155ebd74b7ac2401198b201343bc7d16d7a3d7e0d4e6d8ee82c6969b2a",
        "244e00ce9395df948bcafc7bee64e8f9c87ef70887587d83cae45b13699f3047",
    ),
    "parallel": (
        "19f51a82eff42e5d62541aa500115a056eb78f437c2ba1f10415fd7c8e5dda84",
        "8a6aa19c1adddc6a5a2f7e40f9dbf30cc7e95815e7b830c90589ab318229e0f0",
    ),
    "parallel_multiple": (
        "8863ea8433239f55c5f016154cf0830853c89f693c6ea270396a2fa121960579",
        "5ebf24f458c1f16300c05505d83d6f0a1b68b79be273a033febd0d4f840507e3",
    ),
    "live_simple": (
        "1af2ac87dca47556db7b7e37e51e28b459a38b594e3c7b3c792b4903598ca0c4",
        "fec9cfa9744a936f9126981e85a2023da1e63e273eafebc81923a1162fad70ce",
    ),
    "live_multiple": (
        "fd8ccfad4d911420d0e3341dbe2fff77d1d341da934248b9bb2bda24ab3a10c8",
        "97e90d59c5bd76c55a2920ce93e5566e9046307d3f558578f085f9d3a56c3084",
    ),
    "live_parallel": (
        "6c26e9fdc3350cf596e6d1ea9c179cbff834761bccf562f4141ed29a839ca421",
        "8a9f189ff0e832ebbbbdade1fd95a7dbcc67406e9177df3f0aad76f59ab00350",
    ),
    "live_parallel_multiple": (
        "21d4b9319c1faac431e22757b367ea28917fe467364c3a4b17f16ec06d4f6e79",
        "f5b5f360556c5feb51db46fb9f56ee4b304f4b45b161599bbb14161c98a2873f",
    ),
}
"""The sha256 of the questions of a category, and of its answers."""

_IRRELEVANCE: Mapping[str, str] = {
    "irrelevance": "2b6ed4c2e992cdcf5f1678a701851f944bef7550ee026ed1ddb89efed5be01a6",
    "live_irrelevance": "6559fda2beaceb609a2cd2e504c65b4a56cb448e1ef88fddfd199e163d163349",
}

_JSON_TYPES = {"dict": "object", "float": "number", "tuple": "array", "any": None}
_PYTHON_TYPES: Mapping[str | None, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


@dataclass(frozen=True)
class Case:
    """A question of BFCL with its tools, and the calls that answer it, if any."""

    question: str
    tools: tuple[Tool, ...]
    calls: tuple[ToolCall, ...]


async def rows(quick: bool = False) -> list[Row]:
    """Measure the reader's cost and its rights and wrongs; quick takes every tenth case."""
    store = ModelStore()
    cost = await _cost(await asyncio.to_thread(store.fetch, SOURCE, SHA256))
    calls, silent = await asyncio.to_thread(_load, store)
    step = 10 if quick else 1
    return [*cost, *_calls_read(calls[::step]), _no_calls(silent[::step])]


def _load(store: ModelStore) -> tuple[list[Case], list[Case]]:
    calls = [
        case
        for name, (questions, answers) in _CALLS.items()
        for case in read_cases(
            store.fetch(f"{_PACKAGE}/BFCL_v4_{name}.json", questions),
            store.fetch(f"{_PACKAGE}/possible_answer/BFCL_v4_{name}.json", answers),
        )
    ]
    silent = [
        case
        for name, sha256 in _IRRELEVANCE.items()
        for case in read_cases(store.fetch(f"{_PACKAGE}/BFCL_v4_{name}.json", sha256), None)
    ]
    return calls, silent


def read_cases(questions: Path, answers: Path | None) -> list[Case]:
    """The questions of a category, with their answers if it has any."""
    right = {each["id"]: each["ground_truth"] for each in _lines(answers)} if answers else {}
    cases = []
    for each in _lines(questions):
        tools = tuple(_tool(one) for one in each["function"])
        schemas = {tool.name: tool.parameters["properties"] for tool in tools}
        calls = tuple(
            ToolCall("", name, _arguments(options, schemas.get(name, {})))
            for call in right.get(each["id"], ())
            for name, options in call.items()
        )
        said = " ".join(message["content"] for message in each["question"][0])
        cases.append(Case(said, tools, calls))
    return cases


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def _tool(found: Mapping[str, Any]) -> Tool:
    properties = {
        name: {"type": _JSON_TYPES.get(each.get("type"), each.get("type"))}
        for name, each in found["parameters"].get("properties", {}).items()
    }
    schema = {"type": "object", "properties": properties}
    return Tool(found["name"], found.get("description", ""), schema)


def _arguments(options: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The first right value of each argument, where it is of the type that the schema says."""
    chosen = {}
    for name, values in options.items():
        kind = schema.get(name, {}).get("type")
        fitting = [v for v in values if isinstance(v, _PYTHON_TYPES.get(kind, ()))]
        if fitting and fitting[0] != "":
            chosen[name] = fitting[0]
    return chosen


def _calls_read(cases: Sequence[Case]) -> list[Row]:
    made = []
    for notation in NOTATIONS:
        tear, right = random.Random(7), 0
        for case in cases:
            text, calls, finish = _read(notation.write(case.calls), case.tools, tear)
            wanted = [(call.name, dict(call.arguments)) for call in case.calls]
            right += calls == wanted and not text and finish == "tool_calls"
        share = right / len(cases)
        name = f"calls read right, {notation.name}, {len(cases):,} cases"
        made.append(Row(name, share, "", "1.00", share == 1.0))
    return made


def _no_calls(cases: Sequence[Case]) -> Row:
    """Answers that name the tools and their schemas, and call none."""
    tear, right, count = random.Random(7), 0, 0
    for case in cases:
        described = json.dumps(
            [
                {"name": t.name, "description": t.description, "parameters": dict(t.parameters)}
                for t in case.tools
            ]
        )
        names = ", ".join(tool.name for tool in case.tools)
        for answer in (
            f"None of the tools ({names}) can tell.\n\n> {case.question}",
            described,
            f"I have these:\n```json\n{described}\n```\nNone of them helps.",
            json.dumps({"question": case.question, "tools": names.split(", ")}),
            f"`<tool_call>` opens a call of {names}; [TOOL_CALLS] is another such mark.",
        ):
            text, calls, finish = _read(answer, case.tools, tear)
            right += not calls and finish == "stop" and text == answer
            count += 1
    share = right / count
    return Row(f"no call made of text, {count:,} answers", share, "", "1.00", share == 1.0)


def _read(
    text: str, tools: Sequence[Tool], tear: random.Random
) -> tuple[str, list[tuple[str, dict[str, Any]]], str | None]:
    reader = AnswerReader(tools)
    chunks: list[Chunk] = []
    at = 0
    while at < len(text):
        length = tear.randint(1, 12)
        chunks += reader.take(Chunk(text=text[at : at + length]))
        at += length
    chunks += reader.take(Chunk(finish="stop"))
    calls = [(call.name, dict(call.arguments)) for chunk in chunks for call in chunk.tool_calls]
    return "".join(chunk.text for chunk in chunks), calls, chunks[-1].finish


async def _cost(path: Path) -> list[Row]:
    """The default model's own tokens, timed without the reader, and the reader's time for them."""
    asked = ChatMessage("user", "Tell me about lighthouses, their keepers and the sea.")
    request = ChatRequest((asked,), Sampling(temperature=0.0, max_tokens=256))
    chunks: list[Chunk] = []
    decode_s, tokens = 0.0, 0
    async with engine(path) as backend:
        for _ in range(3):
            async with aclosing(backend.chat(request)) as stream:
                chunks += [chunk async for chunk in stream]
            usage = chunks[-1].usage
            assert usage is not None
            decode_s, tokens = decode_s + usage.decode_s, tokens + usage.completion_tokens
    tool = Tool("weather", "", {"type": "object", "properties": {}})
    pieces = [chunk for chunk in chunks if chunk.text]
    best = float("inf")
    for _ in range(20):
        reader = AnswerReader([tool])
        began = time.perf_counter()
        for piece in pieces:
            for _ in reader.take(piece):
                pass
        best = min(best, time.perf_counter() - began)
    each, a_token = best / len(pieces), decode_s / tokens
    ratio = a_token / (a_token + each)
    return [
        Row("reader, a token", each * 1e6, "µs", "", None),
        Row("tokens a second through the reader, beside none", ratio, "×", "≥ 0.99", ratio >= 0.99),
    ]
