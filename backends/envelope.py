"""Tools for models whose template has none: one JSON object that holds an answer or a call.

The model is told of the tools in the system message, and its answer is held to the object by the
engine. It begins with the name of a tool, or says that it is none: a small model chooses among
names that it has just read more readily than between two forms. The answer's text is passed on
while it is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Final

from backends.base import Backend, Capabilities, ChatMessage, ChatRequest, Chunk, Tool, ToolCall
from backends.loose_schema import loosen_schema
from backends.notations.values import read_json

_INSTRUCTION = (
    'Answer with one JSON object. If a tool is needed: {"tool": "its name", "arguments": {…}}. '
    'If not: {"tool": "none", "answer": "what you say to the person"}. These are the tools:'
)
_NONE: Final = "none"
_ANSWER_BEGINS = re.compile(r'\s*+\{\s*+(?:"tool"\s*+:\s*+"none"\s*+,\s*+)?"answer"\s*+:\s*+"')
_WHOLE_TEXT = re.compile(
    r'(?:[^"\\]++'
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}(?:\\u[0-9a-fA-F]{4}|(?=[^\\]|\\[^u]))"
    r"|\\u(?![dD][89abAB])[0-9a-fA-F]{4}"
    r"|\\[^u])*+"
)
"""The part of a JSON string that is certain: an escape, and a pair of them, is complete."""


def needs_envelope(request: ChatRequest, able: Capabilities) -> bool:
    """Return whether a request's tools can reach such a model in no other way."""
    free = request.sampling.json_schema is None and not request.sampling.copy_from
    return bool(request.tools) and free and able.json_schema and not able.tools


async def chat_in_envelope(backend: Backend, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
    """Stream an answer of a model without tools of its own, with its calls read out.

    Raises what `Backend.chat` raises.
    """
    reader = EnvelopeReader(request.tools)
    async with aclosing(backend.chat(put_in_envelope(request))) as stream:
        async for chunk in stream:
            for piece in reader.take(chunk):
                yield piece


def put_in_envelope(request: ChatRequest) -> ChatRequest:
    """Return a request without tools, whose answer is held to the envelope of its tools."""
    told = "\n".join(
        [
            _INSTRUCTION,
            *(
                f"- {tool.name}: {tool.description} Arguments: {json.dumps(dict(tool.parameters))}"
                for tool in request.tools
            ),
        ]
    )
    names = {call.id: call.name for each in request.messages for call in each.tool_calls}
    messages = [_as_text(each, names) for each in request.messages]
    if messages and messages[0].role == "system":
        messages[0] = replace(messages[0], content=f"{messages[0].content}\n\n{told}")
    else:
        messages.insert(0, ChatMessage("system", told))
    sampling = replace(request.sampling, json_schema=envelope_schema(request.tools))
    return replace(request, messages=tuple(messages), tools=(), sampling=sampling)


def envelope_schema(tools: Sequence[Tool]) -> dict[str, Any]:
    """Return the JSON schema of an answer, or of a call of one of the tools."""
    answer = _object({"tool": {"const": _NONE}, "answer": {"type": "string"}})
    calls = (
        _object({"tool": {"const": tool.name}, "arguments": loosen_schema(tool.parameters)})
        for tool in tools
    )
    return {"anyOf": [answer, *calls]}


class EnvelopeReader:
    """Takes the answer or the call out of the envelope, in the chunks of one answer.

    What is no envelope, from a server that does not hold the model to it, is passed on as it is.
    """

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._offered = {tool.name for tool in tools}
        self._held = ""
        self._called = False
        self._state = "begin"

    def take(self, chunk: Chunk) -> Iterator[Chunk]:
        """Take the next chunk and yield what can be passed on."""
        if chunk.text and (text := self._feed(chunk.text)):
            yield Chunk(text=text)
        if chunk.finish is None:
            if not chunk.text:
                yield chunk
            return
        yield from self._end()
        finish = "tool_calls" if self._called else chunk.finish
        # Tokens to go on from are the envelope's, not the answer's.
        yield replace(chunk, text="", tokens=(), finish=finish)

    def _feed(self, text: str) -> str:
        """Return what of the answer's text is certain."""
        if self._state == "done":
            return ""
        if self._state == "plain":
            return text
        self._held += text
        if self._state == "begin":
            begun = _ANSWER_BEGINS.match(self._held)
            if begun is not None:
                self._state, self._held = "answer", self._held[begun.end() :]
            elif not self._held.lstrip().startswith("{") and self._held.strip():
                self._state, plain, self._held = "plain", self._held, ""
                return plain
            else:
                return ""
        whole = _WHOLE_TEXT.match(self._held)
        assert whole is not None
        if self._held[whole.end() :].startswith('"'):
            self._state = "done"
        said, self._held = whole[0], self._held[whole.end() :]
        try:
            return str(read_json(f'"{said}"'))
        except ValueError:
            return said

    def _end(self) -> Iterator[Chunk]:
        """What was held back until the end: a call, or text that is no envelope."""
        if self._state != "begin" or not self._held:
            return
        try:
            found = read_json(self._held)
        except ValueError:
            found = None
        name = found.get("tool") if isinstance(found, dict) else None
        arguments = found.get("arguments", {}) if isinstance(found, dict) else None
        if name in self._offered and isinstance(arguments, dict):
            self._called = True
            yield Chunk(tool_calls=(ToolCall("call00000", str(name), arguments),))
        else:
            yield Chunk(text=self._held)


def _as_text(message: ChatMessage, names: dict[str, str]) -> ChatMessage:
    """Return a message as a model without tools knows it."""
    if message.role == "tool":
        name = names.get(message.tool_call_id or "", "a tool")
        return ChatMessage("user", f"Result of {name}:\n{message.content}")
    if message.tool_calls:
        calls = (
            json.dumps({"tool": one.name, "arguments": dict(one.arguments)}, ensure_ascii=False)
            for one in message.tool_calls
        )
        return ChatMessage("assistant", "\n".join(calls))
    return message


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
