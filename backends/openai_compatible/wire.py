"""Converts our values to the JSON of `/v1/chat/completions`, and its stream to our chunks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from backends.base import ChatMessage, ChatRequest, Chunk, FinishReason, Tool, Usage
from backends.errors import BackendProtocolError
from backends.event_stream import Json
from backends.openai_compatible.errors import find_reported_error, translate_reported_error
from backends.openai_compatible.tool_calls import ToolCallAssembler

SchemaStyle = Literal["json_schema", "json_object"]
"""How a server wants a schema: OpenAI's own way, or llama-cpp-python's older one."""

CONTINUING_SERVERS: Mapping[str, Mapping[str, bool]] = {
    "llamacpp": {},
    "vllm": {"add_generation_prompt": False, "continue_final_message": True},
}
"""Servers that go on from a last message of the assistant's, by `owned_by` in their list of models,
with what they must be told so that they do."""

_FINISH_REASONS: Mapping[str, FinishReason] = {
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}
"""Those that do not mean an end of the model's own choosing, in lower case."""

_THOUGHT_NAMES = ("reasoning_content", "reasoning", "thinking", "reasoning_details")
_PART_KEYS = ("text", "thinking", "content", "summary")
_MAX_PART_DEPTH = 6
_MAX_NUMBER = 1e12


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
    """Assembles the events of one stream. `begins_with` is put before its first text.

    `tools`: whether tools were offered; calls that nobody asked for are left out.
    """

    source: str
    begins_with: str = ""
    tools: bool = True
    pieces: int = 0
    finish: FinishReason | None = None
    usage: Usage | None = None
    calls: ToolCallAssembler = field(init=False)
    _whole: str = ""
    """The name of what carries the text: `delta`, or `message` where a server sends that."""

    def __post_init__(self) -> None:
        self.calls = ToolCallAssembler(self.source)

    def take(self, event: Json) -> Chunk | None:
        """Return the text or the thoughts of an event; everything else is kept for `end`.

        Raises the `BackendError` that the event reports.
        """
        choice = _first_choice(event)
        failure = find_reported_error(event, choice)
        if failure is not None:
            raise translate_reported_error(failure, self.source)
        self._take_counts(event)
        if choice is None:
            return None
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason:
            self.finish = _FINISH_REASONS.get(reason.lower(), "stop")
        delta = self._delta(choice)
        if self.tools and (calls := delta.get("tool_calls") or delta.get("function_call")):
            self.calls.take(calls)
        return self._chunk(*split_content(delta))

    def _chunk(self, text: str, thought: str) -> Chunk | None:
        """Return the chunk of a delta's text and thoughts: the one way from the wire to people."""
        if not text and not thought:
            return None
        self.pieces += 1
        if text and not thought:
            text, self.begins_with = self.begins_with + text, ""
        return Chunk(text=text, thinking=thought)

    def _delta(self, choice: Json) -> Json:
        """Return what a choice adds. A whole message after its deltas adds nothing."""
        for name in ("delta", "message"):
            found = choice.get(name)
            if isinstance(found, Mapping) and self._whole in ("", name):
                if split_content(found) != ("", ""):
                    self._whole = name
                return found
        text = choice.get("text")  # as of /v1/completions
        return {"content": text} if self._whole == "" and isinstance(text, str) else {}

    def end(self, guessed_prompt_tokens: int, *, ended: bool) -> tuple[Chunk, ...]:
        """Return the last chunks: tool calls, if any, then the end with its usage.

        `ended`: the server said that its stream is complete, which stands for a finish reason.
        """
        if self.finish is None and not ended:
            raise BackendProtocolError(
                f"{self.source} ended its answer without saying that it did."
            )
        calls = self.calls.end()
        usage = self.usage or Usage()
        usage = replace(
            usage,
            prompt_tokens=usage.prompt_tokens or guessed_prompt_tokens,
            completion_tokens=usage.completion_tokens or self.pieces,
        )
        finish = "stop" if self.finish in (None, "tool_calls") else self.finish
        last = Chunk(finish="tool_calls" if calls else finish, usage=usage)
        return (Chunk(tool_calls=calls), last) if calls else (last,)

    def _take_counts(self, event: Json) -> None:
        """Store the counts of `usage` and of llama-server's `timings`, which include times."""
        counts, times = _object(event.get("usage")), _object(event.get("timings"))
        if not counts and not times:
            return
        before = self.usage or Usage()
        details = _object(counts.get("prompt_tokens_details"))
        cached = _count_or_zero(details, "cached_tokens") or _count_or_zero(times, "cache_n")
        read = _count_or_zero(times, "prompt_n") + _count_or_zero(times, "cache_n")
        written = _count_or_zero(times, "predicted_n")
        self.usage = Usage(
            prompt_tokens=_count_or_zero(counts, "prompt_tokens") or read or before.prompt_tokens,
            cached_tokens=cached or before.cached_tokens,
            completion_tokens=_count_or_zero(counts, "completion_tokens")
            or written
            or before.completion_tokens,
            prefill_s=_number_or_zero(times, "prompt_ms") / 1_000 or before.prefill_s,
            decode_s=_number_or_zero(times, "predicted_ms") / 1_000 or before.decode_s,
        )


def split_content(delta: Json) -> tuple[str, str]:
    """Return the text and the thoughts of a delta or a message.

    llama-server, DeepSeek and older vLLM call thoughts `reasoning_content`, newer vLLM and
    OpenRouter `reasoning`; Mistral puts both into the content, as a list of parts.
    """
    text, thought = _flatten(delta.get("content"))
    for name in _THOUGHT_NAMES:
        if delta.get(name):
            return text, thought + "".join(_flatten(delta[name]))
    return text, thought


def _flatten(content: Any, depth: int = 0) -> tuple[str, str]:
    """Return the text and the thoughts of a content, which may be a list of parts."""
    if isinstance(content, str):
        return content, ""
    if isinstance(content, list) and depth < _MAX_PART_DEPTH:
        both = [_flatten(part, depth + 1) for part in content]
        return "".join(text for text, _ in both), "".join(thought for _, thought in both)
    if isinstance(content, Mapping) and depth < _MAX_PART_DEPTH:
        thinks = "thinking" in content or str(content.get("type")) in ("thinking", "reasoning")
        inner = next((content[key] for key in _PART_KEYS if content.get(key)), None)
        text, thought = _flatten(inner, depth + 1)
        return ("", text + thought) if thinks else (text, thought)
    if isinstance(content, int | float) and not isinstance(content, bool):
        return str(content), ""
    return "", ""


def _first_choice(event: Json) -> Json | None:
    """Return the choice that was asked for; a server may send others beside it."""
    choices = event.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, Mapping) and choice.get("index") in (0, "0", None):
            return choice
    return None


def _object(value: Any) -> Json:
    return value if isinstance(value, Mapping) else {}


def _count_or_zero(values: Json, key: str) -> int:
    return int(_number_or_zero(values, key))


def _number_or_zero(values: Json, key: str) -> float:
    value = values.get(key)
    if isinstance(value, int | float) and 0 < value < _MAX_NUMBER:
        return value
    return 0
