"""Converts our values to Ollama's JSON, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from backends.base import ChatMessage, FinishReason, Sampling, Tool, ToolCall, Usage

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


def parse_finish(reason: str | None, calls: Sequence[ToolCall]) -> FinishReason:
    if calls:
        return "tool_calls"
    return "length" if reason == "length" else "stop"


def parse_usage(part: Any) -> Usage:
    def seconds(nanoseconds: int | None) -> float:
        return (nanoseconds or 0) / 1e9

    return Usage(
        prompt_tokens=part.prompt_eval_count or 0,
        completion_tokens=part.eval_count or 0,
        load_s=seconds(part.load_duration),
        prefill_s=seconds(part.prompt_eval_duration),
        decode_s=seconds(part.eval_duration),
    )


def model_spellings(model: str) -> set[str]:
    return {model, f"{model}:latest"} if ":" not in model.rsplit("/", 1)[-1] else {model}


def parse_count(value: Any) -> int:
    return value if isinstance(value, int) else 0


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
