"""Converts our values to Ollama's JSON, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from backends.base import (
    ChatMessage,
    ChatRequest,
    FinishReason,
    Sampling,
    Tool,
    ToolCall,
    Usage,
)
from backends.event_stream import Json, parse_object
from backends.ollama.options import OllamaOptions

_KEPT_TOKENS = 8
"""How many tokens of the beginning of a cut prompt a server keeps at most."""
_MAX_COUNT = 10**15
"""Of tokens or nanoseconds; a larger one makes no sense, and may be too large for a float."""
_SAMPLING_OPTIONS = frozenset({"temperature", "top_k", "top_p", "min_p", "repeat_penalty"})


def message_to_json(message: ChatMessage, all_: Sequence[ChatMessage]) -> dict[str, Any]:
    sent: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        sent["tool_calls"] = [
            {"function": {"name": call.name, "arguments": dict(call.arguments)}}
            for call in message.tool_calls
        ]
    if message.pictures:
        sent["images"] = [picture.base64 for picture in message.pictures]
    if message.role == "tool":  # Ollama knows results by the tool's name, not by an id
        names = {call.id: call.name for each in all_ for call in each.tool_calls}
        sent["tool_name"] = names.get(message.tool_call_id or "", "")
    return sent


def tool_to_json(offered: Tool) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": offered.name,
            "description": offered.description,
            "parameters": json.loads(json.dumps(offered.parameters, default=dict)),
        },
    }


def build_chat_body(
    model: str, messages: Sequence[ChatMessage], request: ChatRequest, **more: Any
) -> dict[str, Any]:
    """Return the body of `/api/chat`.

    A server that knows `truncate` and `shift` (since the end of 2025) then refuses a prompt that
    does not fit, and ends an answer that does not, in place of forgetting the beginning.
    """
    schema = request.sampling.json_schema
    body = {
        "model": model,
        "messages": [message_to_json(each, messages) for each in messages],
        "tools": [tool_to_json(tool) for tool in request.tools] or None,
        "format": dict(schema) if schema else None,
        "stream": True,
        "truncate": False,
        "shift": False,
        **more,
    }
    return {key: value for key, value in body.items() if value is not None}


def build_options(asked: Sampling, own: OllamaOptions) -> dict[str, Any]:
    """Return the `options` of a chat: those of the model's entry, then what is asked for."""
    given = {
        "temperature": asked.temperature,
        "top_k": asked.top_k,
        "top_p": asked.top_p,
        "min_p": asked.min_p,
        "repeat_penalty": asked.repeat_penalty,
        "frequency_penalty": asked.frequency_penalty,
        "presence_penalty": asked.presence_penalty,
        "seed": asked.seed,
        "stop": list(asked.stop) or None,
    }
    return {
        **own.options,
        "num_ctx": own.context,
        "num_predict": asked.answer_tokens,
        **{key: value for key, value in given.items() if value is not None},
    }


def parse_message(part: Json, offset: int) -> tuple[str, str, tuple[ToolCall, ...]]:
    """Return text, thoughts and tool calls of a part; calls are numbered from `offset`.

    Raises `ValueError` for a call that is none.
    """
    message = part.get("message")
    if not isinstance(message, Mapping):
        return "", "", ()
    text, thought = message.get("content"), message.get("thinking")
    calls = message.get("tool_calls")
    return (
        text if isinstance(text, str) else "",
        thought if isinstance(thought, str) else "",
        tuple(
            _parse_call(call, offset + at)
            for at, call in enumerate(calls if isinstance(calls, list) else ())
        ),
    )


def _parse_call(call: Any, number: int) -> ToolCall:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise ValueError("a tool call without a name")
    arguments = function.get("arguments") or {}
    if isinstance(arguments, str):
        arguments = parse_object(arguments)
    if not isinstance(arguments, Mapping):
        raise ValueError("arguments that are no object")
    return ToolCall(f"call_{number}", function["name"], dict(arguments))


def parse_finish(part: Json, calls: Sequence[ToolCall]) -> FinishReason:
    if calls:
        return "tool_calls"
    return "length" if part.get("done_reason") == "length" else "stop"


def parse_usage(part: Json) -> Usage:
    def seconds(key: str) -> float:
        return parse_count(part.get(key)) / 1e9

    return Usage(
        prompt_tokens=parse_count(part.get("prompt_eval_count")),
        completion_tokens=parse_count(part.get("eval_count")),
        load_s=seconds("load_duration"),
        prefill_s=seconds("prompt_eval_duration"),
        decode_s=seconds("eval_duration"),
    )


def is_cut_count(tokens: int, context: int, expected: int) -> bool:
    """Return whether a count of prompt tokens is the one that a cut prompt leaves.

    A server that cuts keeps a few tokens of the beginning and half of the context from the end. The
    same count may come from a cache by chance: then fewer tokens than that are `expected`.
    """
    half = context // 2
    return half <= tokens <= half + _KEPT_TOKENS and expected > context * 0.9


def model_spellings(model: str) -> set[str]:
    return {model, f"{model}:latest"} if ":" not in model.rsplit("/", 1)[-1] else {model}


def parse_count(value: Any) -> int:
    return value if isinstance(value, int) and 0 < value < _MAX_COUNT else 0


def read_sampling(parameters: str, options: Mapping[str, Any]) -> Sampling:
    """Return how a model is sampled by its entry's options, then by its own parameters.

    The parameters are lines of a name and a value, as the server shows them.
    """
    lines = (line.split(maxsplit=1) for line in parameters.splitlines())
    said: dict[str, Any] = {**dict(line for line in lines if len(line) == 2), **options}
    found: dict[str, Any] = {}
    for name in _SAMPLING_OPTIONS & said.keys():
        with suppress(TypeError, ValueError):
            found[name] = int(said[name]) if name == "top_k" else float(said[name])
    return Sampling(**found)
