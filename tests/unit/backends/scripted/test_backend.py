from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from backends.base import Backend, ChatMessage, ChatRequest, Chunk, EngineContext, Sampling
from backends.errors import (
    BackendBusy,
    BackendError,
    BackendProtocolError,
    BackendTimeout,
    BackendUnavailable,
    ContextOverflow,
    DeadlineExceeded,
    InvalidRequest,
    ModelNotFound,
)
from backends.files.store import ModelStore
from backends.scripted.backend import ENGINE, ScriptedBackend
from backends.scripted.script import Reply


def ask(text: str, **fields: Any) -> ChatRequest:
    return ChatRequest(messages=(ChatMessage("user", text),), **fields)


async def chunks_of(backend: Backend, request: ChatRequest) -> list[Chunk]:
    async with aclosing(backend.chat(request)) as stream:
        return [chunk async for chunk in stream]


async def said(backend: Backend, request: ChatRequest) -> str:
    return "".join(chunk.text for chunk in await chunks_of(backend, request))


async def test_without_a_script_it_echoes() -> None:
    backend = ScriptedBackend("default")
    assert await said(backend, ask("good  morning\n")) == "You said: good  morning\n"
    assert [request.messages[0].content for request in backend.requests] == ["good  morning\n"]


async def test_replies_come_in_order_then_echo() -> None:
    backend = ScriptedBackend("default", replies=["one", Reply("two"), "three"])
    assert [await said(backend, ask("x")) for _ in range(4)] == [
        "one",
        "two",
        "three",
        "You said: x",
    ]


async def test_a_cycle_starts_again() -> None:
    backend = ScriptedBackend("default", replies=["a", "b"], cycle=True)
    assert [await said(backend, ask("x")) for _ in range(5)] == ["a", "b", "a", "b", "a"]


async def test_a_matching_reply_goes_before_the_order_and_is_not_used_up() -> None:
    backend = ScriptedBackend(
        "default",
        replies=["first", Reply("42", match="ANSWER"), Reply("{text}!", regex=r"^\d+$")],
    )
    assert await said(backend, ask("the answer?")) == "42"
    assert await said(backend, ask("the answer?")) == "42"
    assert await said(backend, ask("7")) == "7!"
    assert await said(backend, ask("anything")) == "first"


async def test_a_function_can_answer() -> None:
    backend = ScriptedBackend("default", answer=lambda request: f"{len(request.messages)} message")
    assert await said(backend, ask("x")) == "1 message"


async def test_the_last_chunk_alone_ends_the_stream_and_counts() -> None:
    backend = ScriptedBackend("default", replies=["one two three"])
    chunks = await chunks_of(backend, ask("four words in here"))
    assert [chunk.text for chunk in chunks if chunk.text] == ["one", " two", " three"]
    assert all(chunk.finish is None and chunk.usage is None for chunk in chunks[:-1])
    assert chunks[-1].finish == "stop"
    usage = chunks[-1].usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens) == (5, 0, 3)
    assert chunks[0].progress is not None
    assert chunks[0].progress.tokens == 5


async def test_the_next_turn_of_a_conversation_is_cached() -> None:
    backend = ScriptedBackend("default", replies=["fine thanks"])
    first = ChatMessage("user", "how are you")
    await chunks_of(backend, ChatRequest((first,), conversation="c"))
    again = (first, ChatMessage("assistant", "fine thanks"), ChatMessage("user", "good"))
    for conversation, cached in (("c", 4), ("other", 0), (None, 0)):
        chunks = await chunks_of(backend, ChatRequest(again, conversation=conversation))
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.cached_tokens == cached


async def test_max_tokens_and_stop_strings_end_an_answer() -> None:
    backend = ScriptedBackend("default", replies=["one two three four"], cycle=True)
    chunks = await chunks_of(backend, ask("x", sampling=Sampling(max_tokens=2)))
    assert ("".join(chunk.text for chunk in chunks), chunks[-1].finish) == ("one two", "length")
    chunks = await chunks_of(backend, ask("x", sampling=Sampling(stop=("four", "thr"))))
    assert ("".join(chunk.text for chunk in chunks), chunks[-1].finish) == ("one two ", "stop")


@pytest.mark.parametrize(
    "request_",
    [
        ChatRequest(()),
        ask("x", sampling=Sampling(max_tokens=0)),
        ask("x", sampling=Sampling(stop=("",))),
        ask("x", sampling=Sampling(json_schema={"type": "no such type"})),
        ask("x", sampling=Sampling(json_schema={"$ref": "#"})),
        ask("x", sampling=Sampling(json_schema={"$ref": "#/nowhere"})),
        ask("x", sampling=Sampling(json_schema={"$ref": "http://127.0.0.1:9/schema"})),
        ask("x", sampling=Sampling(json_schema={"type": "string", "pattern": "^never made up$"})),
    ],
)
async def test_nonsense_is_refused(request_: ChatRequest) -> None:
    with pytest.raises(InvalidRequest):
        await chunks_of(ScriptedBackend("default"), request_)


@pytest.mark.parametrize(
    ("schema", "made"),
    [
        ({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"a": 0}),
        ({"enum": ["red", "blue"]}, "red"),
        ({"const": 3}, 3),
        ({"type": "array", "items": {"type": "boolean"}, "minItems": 2}, [False, False]),
        ({"anyOf": [{"type": "string", "minLength": 2}, {"type": "null"}]}, "xx"),
        ({"$ref": "#/$defs/n", "$defs": {"n": {"type": ["number", "null"], "minimum": 2}}}, 2),
        ({}, None),
    ],
)
async def test_a_json_schema_is_met(schema: Mapping[str, Any], made: Any) -> None:
    backend = ScriptedBackend("default")
    text = await said(backend, ask("x", sampling=Sampling(json_schema=schema)))
    assert json.loads(text) == made


async def test_scripted_json_that_fits_the_schema_is_kept() -> None:
    backend = ScriptedBackend("default", replies=['{"a": 5}'])
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    assert await said(backend, ask("x", sampling=Sampling(json_schema=schema))) == '{"a": 5}'


async def test_a_prompt_beyond_the_context_is_refused_with_both_numbers() -> None:
    backend = ScriptedBackend("default", context=4)
    assert await said(backend, ask("a b")) == "You"  # one token of room is left
    with pytest.raises(ContextOverflow) as caught:
        await chunks_of(backend, ask("a b c"))
    assert (caught.value.tokens, caught.value.limit) == (4, 4)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("unavailable", BackendUnavailable),
        ("timeout", BackendTimeout),
        ("busy", BackendBusy),
        ("protocol", BackendProtocolError),
        ("overflow", ContextOverflow),
        ("invalid", InvalidRequest),
        ("deadline", DeadlineExceeded),
        ("not_found", ModelNotFound),
    ],
)
async def test_each_failure_can_be_scripted(name: str, kind: type[BackendError]) -> None:
    backend = ScriptedBackend("default", replies=[{"text": "x", "error": name}, "fine"])
    with pytest.raises(kind):
        await chunks_of(backend, ask("x"))
    assert backend.failed == 1
    assert await said(backend, ask("x")) == "fine"


@pytest.mark.parametrize(("after", "heard"), [(0, []), (2, ["a", " b"]), (9, ["a", " b", " c"])])
async def test_a_failure_comes_after_so_many_tokens(after: int, heard: list[str]) -> None:
    backend = ScriptedBackend("default", replies=["a b c"])
    backend.fail_next(BackendUnavailable("It went away."), after=after)
    got: list[Chunk] = []

    async def listen() -> None:
        async with aclosing(backend.chat(ask("x"))) as stream:
            async for chunk in stream:
                got.append(chunk)

    with pytest.raises(BackendUnavailable, match="went away"):
        await listen()
    assert [chunk.text for chunk in got if chunk.text] == heard
    assert all(chunk.finish is None for chunk in got)
    assert backend.active == 0


async def test_closing_cancels_and_frees_the_slot() -> None:
    backend = ScriptedBackend("default", replies=["a b c"], cycle=True, parallel=1)
    async with aclosing(backend.chat(ask("x"))) as stream:
        async for chunk in stream:
            if chunk.text:
                assert backend.active == 1
                break
    assert (backend.cancelled, backend.active, backend.completed) == (1, 0, 0)
    assert await said(backend, ask("x")) == "a b c"
    assert (backend.cancelled, backend.completed) == (1, 1)


async def test_an_answer_that_stalls_can_still_be_cancelled() -> None:
    backend = ScriptedBackend("default", replies=[Reply("a b", stall_after=1)])
    heard = asyncio.Event()

    async def listen() -> None:
        async with aclosing(backend.chat(ask("x"))) as stream:
            async for chunk in stream:
                if chunk.text:
                    heard.set()

    task = asyncio.create_task(listen())
    await heard.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (backend.cancelled, backend.active) == (1, 0)


async def test_a_deadline_ends_an_answer_that_stalls() -> None:
    backend = ScriptedBackend("default", replies=[Reply("a b", stall_after=1)])
    with pytest.raises(DeadlineExceeded):
        await chunks_of(backend, ask("x", deadline_s=0.05))


async def test_parallel_answers_wait_their_turn_and_the_queue_is_bounded() -> None:
    backend = ScriptedBackend(
        "default", replies=["a b c"], cycle=True, parallel=2, queue=1, tokens_per_s=500
    )
    results = await asyncio.gather(
        *(chunks_of(backend, ask("x")) for _ in range(4)), return_exceptions=True
    )
    assert [type(result) for result in results] == [list, list, list, BackendBusy]
    third = results[2]
    assert isinstance(third, list)
    assert third[0].progress is not None
    assert (third[0].progress.stage, third[0].progress.position) == ("queued", 1)
    assert (backend.peak, backend.active, backend.waiting) == (2, 0, 0)


async def test_a_deadline_passes_while_waiting() -> None:
    backend = ScriptedBackend("default", replies=[Reply("a", stall_after=0)], parallel=1)
    stream = backend.chat(ask("first"))
    await anext(stream)
    with pytest.raises(DeadlineExceeded):
        await chunks_of(backend, ask("second", deadline_s=0.02))
    await stream.aclose()
    assert (backend.waiting, backend.active) == (0, 0)


async def test_tool_calls_can_be_scripted() -> None:
    reply = Reply("", tool_calls=[{"name": "add", "arguments": {"a": 1}}])
    chunks = await chunks_of(ScriptedBackend("default", replies=[reply]), ask("x"))
    assert [call.name for chunk in chunks for call in chunk.tool_calls] == ["add"]
    assert chunks[-1].finish == "tool_calls"


async def test_down_is_unavailable_and_health_says_so() -> None:
    backend = ScriptedBackend("default")
    assert (await backend.health()).ok
    backend.available = False
    assert not (await backend.health()).ok
    with pytest.raises(BackendUnavailable):
        await chunks_of(backend, ask("x"))
    with pytest.raises(BackendUnavailable):
        await backend.embed(["x"])


async def test_closing_twice_is_safe() -> None:
    backend = ScriptedBackend("default")
    await backend.aclose()
    await backend.aclose()
    with pytest.raises(BackendUnavailable):
        await chunks_of(backend, ask("x"))


async def test_requests_are_bounded() -> None:
    backend = ScriptedBackend("default", replies=["ok"], cycle=True)
    for number in range(1_002):
        await chunks_of(backend, ask(str(number)))
    assert len(backend.requests) == 1_000
    assert backend.requests[-1].messages[0].content == "1001"


async def test_config_makes_the_same_backend(tmp_path: Path) -> None:
    options = ENGINE.options.model_validate(
        {"replies": ["hi", {"text": "42", "match": "answer"}], "context": 64}
    )
    backend = ENGINE.create("default", options, EngineContext(ModelStore(tmp_path), lambda _: None))
    assert isinstance(backend, Backend)
    assert await said(backend, ask("answer")) == "42"
    assert (await backend.capabilities()).context == 64
    assert await backend.count([ChatMessage("user", "two words")]) == 3
