"""Converts our values to the JSON of `/v1/chat/completions`, and its stream to our chunks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from backends.base import ChatMessage, ChatRequest, Chunk, FinishReason, Tool, ToolCall, Usage
from backends.errors import BackendProtocolError

SchemaStyle = Literal["json_schema", "json_object"]
"""How a server wants a schema: OpenAI's own way, or llama-cpp-python's older one."""

CONTINUING_SERVERS: Mapping[str, Mapping[str, bool]] = {
    "llamacpp": {},
    "vllm": {"add_generation_prompt": False, "continue_final_message": True},
}
"""Servers that go on from a last message of the assistant's, by `owned_by` in their list of models,
with what they must be told so that they do."""

_FINISH_REASONS: Mapping[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "stop",
}


def build_request_body(request: ChatRequest, style: SchemaStyle) -> dict[str, Any]:
    """Return the arguments of the client's `create`; keys unknown to it are in `extra_body`."""
    asked = request.sampling
    given: dict[str, Any] = {
        "messages": [_message_to_json(message) for message in request.messages],
        "max_tokens": asked.answer_tokens,
        "temperature": asked.temperature,
        "top_p": asked.top_p,
        "frequency_penalty": asked.frequency_penalty,
        "presence_penalty": asked.presence_penalty,
        "seed": asked.seed,
        "stop": list(asked.stop) or None,
        "logit_bias": {str(token): bias for token, bias in asked.logit_bias.items()} or None,
        "tools": [_tool_to_json(tool) for tool in request.tools] or None,
        "response_format": _response_format(asked.json_schema, style),
        "extra_body": {
            key: value
            for key, value in {
                "top_k": asked.top_k,
                "min_p": asked.min_p,
                "repeat_penalty": asked.repeat_penalty,
            }.items()
            if value is not None
        }
        or None,
    }
    return {key: value for key, value in given.items() if value is not None}


def _response_format(schema: Mapping[str, Any] | None, style: SchemaStyle) -> dict[str, Any] | None:
    if schema is None:
        return None
    if style == "json_object":
        return {"type": "json_object", "schema": dict(schema)}
    return {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": dict(schema), "strict": True},
    }


def _message_to_json(message: ChatMessage) -> dict[str, Any]:
    sent: dict[str, Any] = {"role": message.role, "content": _content_to_json(message)}
    if message.tool_calls:
        sent["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(dict(call.arguments))},
            }
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        sent["tool_call_id"] = message.tool_call_id
    return sent


def _content_to_json(message: ChatMessage) -> str | list[dict[str, Any]]:
    """The text, or a list of parts where there are pictures, which stand before the text."""
    if not message.pictures:
        return message.content
    parts: list[dict[str, Any]] = [
        {"type": "image_url", "image_url": {"url": f"data:{one.media_type};base64,{one.base64}"}}
        for one in message.pictures
    ]
    return [*parts, {"type": "text", "text": message.content}]


def _tool_to_json(tool: Tool) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": dict(tool.parameters),
        },
    }


@dataclass
class StreamAssembler:
    """Assembles the events of one stream. `begins_with` is put before its first text."""

    source: str
    begins_with: str = ""
    pieces: int = 0
    finish: FinishReason | None = None
    usage: Usage | None = None
    calls: dict[int, dict[str, str]] = field(default_factory=dict)

    def take(self, event: Any) -> Chunk | None:
        """Return the text or the thoughts of an event; everything else is kept for `end`."""
        self._take_counts(event)
        if not event.choices:
            return None
        choice = event.choices[0]
        delta = choice.delta
        if choice.finish_reason is not None:
            self.finish = _FINISH_REASONS.get(choice.finish_reason, "stop")
        for part in (delta.tool_calls or ()) if delta is not None else ():
            call = self.calls.setdefault(part.index, {"id": "", "name": "", "arguments": ""})
            call["id"] = part.id or call["id"]
            if part.function is not None:
                call["name"] += part.function.name or ""
                call["arguments"] += part.function.arguments or ""
        text = _string_or_empty(delta.content) if delta is not None else ""
        thought = _find_thought(delta.model_extra) if delta is not None else ""
        if not text and not thought:
            return None
        self.pieces += 1
        if text and not thought:
            text, self.begins_with = self.begins_with + text, ""
        return Chunk(text=text, thinking=thought)

    def end(self, guessed_prompt_tokens: int) -> tuple[Chunk, ...]:
        """Return the last chunks: tool calls, if any, then the end with its usage."""
        if self.finish is None:
            raise BackendProtocolError(
                f"{self.source} ended its answer without saying that it did."
            )
        calls = tuple(self._call(at, call) for at, call in sorted(self.calls.items()))
        usage = self.usage or Usage(
            prompt_tokens=guessed_prompt_tokens, completion_tokens=self.pieces
        )
        last = Chunk(finish="tool_calls" if calls else self.finish, usage=usage)
        return (Chunk(tool_calls=calls), last) if calls else (last,)

    def _call(self, at: int, call: Mapping[str, str]) -> ToolCall:
        try:
            arguments = json.loads(call["arguments"] or "{}")
        except ValueError:
            arguments = None
        if not isinstance(arguments, dict) or not call["name"]:
            raise BackendProtocolError(f"{self.source} called a tool with broken arguments.")
        return ToolCall(call["id"] or f"call_{at}", call["name"], arguments)

    def _take_counts(self, event: Any) -> None:
        """Store the counts of `usage` and of llama-server's `timings`, which include times."""
        counts, timings = event.usage, (event.model_extra or {}).get("timings")
        if counts is None and not isinstance(timings, Mapping):
            return
        before = self.usage or Usage()
        times: Mapping[str, Any] = timings if isinstance(timings, Mapping) else {}
        cached, read = _count_or_zero(times, "cache_n"), _count_or_zero(times, "prompt_n")
        written = _count_or_zero(times, "predicted_n")
        if counts is not None:
            details = counts.prompt_tokens_details
            cached = (details.cached_tokens if details is not None else None) or cached
        self.usage = Usage(
            prompt_tokens=counts.prompt_tokens
            if counts is not None
            else (read + cached or before.prompt_tokens),
            cached_tokens=cached or before.cached_tokens,
            completion_tokens=counts.completion_tokens
            if counts is not None
            else (written or before.completion_tokens),
            prefill_s=_count_or_zero(times, "prompt_ms") / 1_000 or before.prefill_s,
            decode_s=_count_or_zero(times, "predicted_ms") / 1_000 or before.decode_s,
        )


def _find_thought(extra: Mapping[str, Any] | None) -> str:
    """Return the thoughts in a delta.

    llama-server, DeepSeek and older vLLM call them `reasoning_content`, newer vLLM and OpenRouter
    `reasoning`.
    """
    found = extra or {}
    return _string_or_empty(found.get("reasoning_content") or found.get("reasoning"))


def _string_or_empty(value: Any) -> str:
    if value is not None and not isinstance(value, str):
        raise TypeError("a delta holds something that is not text")
    return value or ""


def _count_or_zero(values: Mapping[str, Any], key: str) -> Any:
    value = values.get(key)
    return value if isinstance(value, int | float) and value > 0 else 0
