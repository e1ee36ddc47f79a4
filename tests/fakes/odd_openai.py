"""How servers that half speak OpenAI's protocol say the same things.

Found in the trackers of Ollama, LiteLLM, OpenRouter, Mistral, llama-server and others.
"""

from __future__ import annotations

import json
from typing import Any

from tests.fakes.odd_answers import OddAnswers

DONE = b"data: [DONE]\n\n"


def event(delta: Any = None, finish: Any = None, **more: Any) -> dict[str, Any]:
    """An event of a stream."""
    choice = {"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "choices": [choice], **more}


def text(said: Any) -> dict[str, Any]:
    return event({"content": said})


def calls(*parts: dict[str, Any]) -> dict[str, Any]:
    return event({"tool_calls": list(parts)})


def call(city: Any, **more: Any) -> dict[str, Any]:
    """A whole tool call; a text is sent as JSON in a text, an object as it is."""
    arguments = json.dumps({"city": city}) if isinstance(city, str) else city
    return {"type": "function", "function": {"name": "get", "arguments": arguments}, **more}


def choice(**more: Any) -> dict[str, Any]:
    """An event whose one choice is told in full."""
    return {"object": "chat.completion.chunk", "choices": [{"index": 0, **more}]}


def lines(*events: dict[str, Any] | bytes) -> tuple[bytes, ...]:
    """The bytes of a stream; bytes are sent as they are."""
    return tuple(
        each
        if isinstance(each, bytes)
        else b"data: " + json.dumps(each, ensure_ascii=False).encode() + b"\n\n"
        for each in events
    )


STOP = event({}, "stop")

WHOLE_ANSWERS: dict[str, tuple[bytes, ...]] = {
    "an empty usage": lines(text("Hi you"), event({}, "stop", usage={}), DONE),
    "a usage of nulls": lines(
        text("Hi you"),
        event({}, "stop", usage={"prompt_tokens": None, "completion_tokens": None}),
        DONE,
    ),
    "a usage without the prompt": lines(
        text("Hi you"), event({}, "stop", usage={"total_tokens": 3}), DONE
    ),
    "nulls everywhere": lines(
        event({"role": "assistant", "content": None, "tool_calls": None, "refusal": None}),
        {"choices": None, "usage": None, "timings": None, "error": None},
        event({"content": "Hi you", "reasoning_content": None, "function_call": None}),
        choice(delta=None, finish_reason="stop"),
        DONE,
    ),
    "no finish": lines(text("Hi"), text(" you"), DONE),
    "an empty finish": lines(event({"content": "Hi you"}, ""), STOP, DONE),
    "a finish of its own": lines(text("Hi you"), event({}, "eos_token"), DONE),
    "a finish and no [DONE]": lines(text("Hi you"), STOP),
    "a list of parts": lines(
        event({"content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": " you"}]}),
        STOP,
        DONE,
    ),
    "message for delta": lines(
        choice(message={"role": "assistant", "content": "Hi"}, finish_reason=None),
        choice(message={"role": "assistant", "content": " you"}, finish_reason="stop"),
        DONE,
    ),
    "the whole message after its deltas": lines(
        text("Hi"),
        text(" you"),
        choice(message={"role": "assistant", "content": "Hi you"}, finish_reason="stop"),
        DONE,
    ),
    "another choice beside it": lines(
        {"choices": [{"index": 1, "delta": {"content": "no"}}]}, text("Hi you"), STOP, DONE
    ),
    "an index that is text": lines(
        {"choices": [{"index": "0", "delta": {"content": "Hi you"}}]}, STOP, DONE
    ),
    "a tool that nobody offered": lines(
        calls({"index": 0, "id": "a", "function": {"name": "get", "arguments": '{"ci'}}),
        text("Hi you"),
        STOP,
        DONE,
    ),
    "one object in place of a stream": (
        json.dumps(
            choice(message={"role": "assistant", "content": "Hi you"}, finish_reason="stop"),
            indent=2,
        ).encode(),
    ),
    "comments, a byte order mark and CRLF": (
        b"\xef\xbb\xbf: PROCESSING\r\n\r\nevent: ping\r\ndata: \r\n\r\nid: 1\r\nretry: 5\r\n",
        b"data:" + json.dumps(text("Hi you")).encode() + b"\r",
        b"\n\r\n",
        b"data:" + json.dumps(STOP).encode() + b"\r\n\r\ndata:[DONE]\r\n\r\n",
    ),
    "line ends of CR alone": (b"".join(lines(text("Hi you"), STOP, DONE)).replace(b"\n", b"\r"),),
    "no blank line at the end": (*lines(text("Hi you")), b"data: " + json.dumps(STOP).encode()),
}
"""Streams that say "Hi you", and that this is all."""

THOUGHTS: dict[str, dict[str, Any]] = {
    "reasoning_content": {"reasoning_content": "hmm"},
    "reasoning": {"reasoning": "hmm"},
    "both, equal": {"reasoning": "hmm", "reasoning_content": "hmm"},
    "reasoning_details": {
        "reasoning": None,
        "reasoning_details": [{"type": "reasoning.text", "text": "hmm"}],
    },
    "a part of the content": {
        "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hmm"}]}]
    },
}
"""Deltas whose thoughts are "hmm"."""

TWO_CALLS: dict[str, tuple[bytes, ...]] = {
    "without index": lines(calls(call("Rome", id="a")), calls(call("Oslo", id="b")), STOP, DONE),
    "without index or id": lines(calls(call("Rome")), calls(call("Oslo")), STOP, DONE),
    "without index or id, in one event": lines(calls(call("Rome"), call("Oslo")), STOP, DONE),
    "of an equal index": lines(
        calls(call("Rome", index=0, id="a")), calls(call("Oslo", index=0, id="b")), STOP, DONE
    ),
    "of an equal index and no id": lines(
        calls(call("Rome", index=0)), calls(call("Oslo", index=0)), event({}, "tool_calls"), DONE
    ),
    "with arguments that are objects": lines(
        calls(call({"city": "Rome"}, index=0, id="a"), call({"city": "Oslo"}, index=1, id="b")),
        DONE,
    ),
    "torn, with the name in each delta": lines(
        *(
            calls({"index": at, "id": ident, "function": {"name": "get", "arguments": part}})
            for at, ident, city in ((0, "a", "Rome"), (1, "b", "Oslo"))
            for part in ('{"city":', f'"{city}"}}')
        ),
        STOP,
        DONE,
    ),
    "torn and taking turns": lines(
        calls({"index": 0, "id": "a", "function": {"name": "get", "arguments": ""}}),
        calls({"index": 1, "id": "b", "function": {"name": "get", "arguments": ""}}),
        calls({"index": 0, "function": {"arguments": '{"city": "Rome"}'}}),
        calls({"index": 1, "function": {"arguments": '{"city": "Oslo"}'}}),
        event({}, "tool_calls"),
        DONE,
    ),
    "in one message": lines(
        choice(message={"tool_calls": [call("Rome"), call("Oslo")]}, finish_reason="tool_calls"),
        DONE,
    ),
}
"""Streams that call `get` for Rome and for Oslo."""

REPORTED_ERRORS: dict[str, tuple[bytes, ...]] = {
    "an object in place of a stream": (b'{"error": {"message": "out of tea", "code": 500}}',),
    "a text in place of a stream": (b'{"error": "out of tea"}',),
    "a detail": (b'{"detail": "out of tea"}',),
    "an event": lines({"error": {"message": "out of tea", "code": 500}}, DONE),
    "an event by its name": (b'event: error\ndata: {"message": "out of tea"}\n\n',),
    "llama-server's older form": (b'error: {"code": 500, "message": "out of tea"}\n\n',),
    "an object of vLLM": lines({"object": "error", "message": "out of tea", "code": 400}, DONE),
    "a finish of error": lines(event({}, "error", error={"message": "out of tea"}), DONE),
    "an error within the choice": lines(
        choice(delta={}, finish_reason="error", error={"message": "out of tea"}), DONE
    ),
}
"""Answers with status 200 that report an error, "out of tea"."""

MODEL_LISTS: dict[str, tuple[int, Any]] = {
    **{f"status {status}": (status, None) for status in (400, 403, 404, 405, 501)},
    "a wildcard": (200, {"object": "list", "data": [{"id": "*", "object": "model"}]}),
    "a wildcard of a provider": (200, {"data": [{"id": "ti*"}]}),
    "nothing": (200, {"object": "list", "data": []}),
    "null": (200, {"object": "list", "data": None}),
    "a bare list": (200, [{"id": "tiny"}]),
    "no list": (200, "hello"),
    "a tag": (200, {"data": [{"id": "tiny:latest"}]}),
    "an organisation": (200, {"data": [{"id": "org/Tiny"}]}),
    "names that are none": (200, {"data": [{"id": None}, {}, "x", None]}),
}
"""What `/v1/models` may answer where the model `tiny` is there: status and JSON."""


ODD = OddAnswers(
    whole=WHOLE_ANSWERS,
    thoughts={name: lines(event(d), text("Hi you"), STOP, DONE) for name, d in THOUGHTS.items()},
    calls=TWO_CALLS,
    errors=REPORTED_ERRORS,
    cut={
        name: lines(text("Hi you"), event({}, name), DONE)
        for name in ("length", "max_tokens", "MAX_TOKENS", "model_length")
    },
    broken={
        "an end without a word": lines(text("Hi you")),
        "half an event": (*lines(text("Hi you")), b'data: {"choices": [{"del'),
        "an error": lines(text("Hi you"), {"error": {"message": "out of tea"}}),
        "a finish of error": lines(text("Hi you"), event({}, "error"), DONE),
        "something else": lines(text("Hi you"), b"data: <html>\n\n"),
    },
    begin=b'data: {"choices": [{"index": 0, "delta": {"content": "',
    text=lambda said: lines(text(said), STOP, DONE),
)
