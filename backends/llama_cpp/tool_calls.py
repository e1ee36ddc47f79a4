"""Reads tool calls out of the text that a model writes.

Each model family writes them in its own way, which its chat template shows. Text that looks like a
call and is invalid stays text: the reader sees it, and nothing is run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from backends.base import Chunk, Tool, ToolCall
from backends.thinking import ThinkingSplitter, partial_tag_length

ToolCallStyle = Literal["tagged", "marked", "bare"]
"""tagged: `<tool_call>{…}</tool_call>`, Qwen's and Hermes'. marked: `[TOOL_CALLS]` and all calls
after it, Mistral's. bare: an answer that is JSON, Llama's."""

TOOL_CALL_MARKS: Final = frozenset(
    {
        *("<tool_call>", "</tool_call>", "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]", "<|python_tag|>"),
        *("<think>", "</think>", "[THINK]", "[/THINK]"),
    }
)
"""Control tokens that are part of what a model says: without them its text could not be read."""

_OPENING_MARKS: Final[Mapping[ToolCallStyle, str]] = {
    "tagged": "<tool_call>",
    "marked": "[TOOL_CALLS]",
}
_CLOSING_MARK = "</tool_call>"
_PYTHON_MARK = "<|python_tag|>"
_NAMED_CALL_PATTERN = re.compile(r"\s*([\w.-]+)\s*(?:\[CALL_ID\][\w-]*)?\[ARGS\]\s*")


def find_style(template: str) -> ToolCallStyle:
    """Return how a model with this chat template writes its calls."""
    if "<tool_call>" in template:
        return "tagged"
    return "marked" if "[TOOL_CALLS]" in template else "bare"


class ToolCallReader:
    """Separates tool calls from text in the chunks of one answer.

    A call may be split across chunks. Only tools that were offered are called. An answer with calls
    finishes as `tool_calls`.
    """

    def __init__(self, style: ToolCallStyle, tools: Sequence[Tool]) -> None:
        self._style = style
        self._offered = {tool.name for tool in tools}
        self._thoughts = ThinkingSplitter(keep=True)
        self._held = ""
        self._within = False
        self._started = False
        self._count = 0

    def take(self, chunk: Chunk) -> Iterator[Chunk]:
        """Take the next chunk and yield what can be passed on; thoughts contain no calls."""
        for piece in self._thoughts.take(chunk):
            if piece.thinking:
                yield Chunk(thinking=piece.thinking)
            if piece.text:
                yield from self._say(self._held + piece.text)
            if piece.finish is not None:
                yield from self._end()
                finish = "tool_calls" if self._count else piece.finish
                yield Chunk(finish=finish, usage=piece.usage)
            elif piece.progress is not None and not piece.thinking:
                yield Chunk(progress=piece.progress)

    def _say(self, text: str) -> Iterator[Chunk]:
        self._held = ""
        if self._style == "bare":
            yield from self._say_bare(text)
            return
        mark = _OPENING_MARKS[self._style]
        while text:
            if self._within:
                inside, closed, after = text.partition(_CLOSING_MARK)
                if not closed or self._style == "marked":
                    self._held = text
                    return
                yield from self._called(inside, f"{mark}{inside}{_CLOSING_MARK}")
                text, self._within = after.lstrip(), False
                continue
            before, opened, after = text.partition(mark)
            if not opened:
                kept = partial_tag_length(before, mark)
                self._held = before[len(before) - kept :]
                before = before[: len(before) - kept]
            if self._count:
                before = before.lstrip()  # what stands between two calls
            if before:
                yield Chunk(text=before)
            text, self._within = after, bool(opened)

    def _say_bare(self, text: str) -> Iterator[Chunk]:
        """Hold back an answer that begins as JSON until its end; pass any other on as text."""
        start = text.lstrip()
        if self._started or (
            not start.startswith(("{", _PYTHON_MARK)) and not _PYTHON_MARK.startswith(start)
        ):
            self._started = True
            yield Chunk(text=text)
        else:
            self._held = text

    def _end(self) -> Iterator[Chunk]:
        held, self._held = self._held, ""
        if not held and not self._within:
            return
        if self._style == "bare":
            yield from self._called(held.strip().removeprefix(_PYTHON_MARK), held)
        elif self._within:
            yield from self._called(held, _OPENING_MARKS[self._style] + held)
        else:
            yield Chunk(text=held)

    def _called(self, written: str, otherwise: str) -> Iterator[Chunk]:
        """Return the calls in `written`, or the text as it stands."""
        calls = self._read(written)
        if calls is None:
            yield Chunk(text=otherwise)
        else:
            yield Chunk(tool_calls=tuple(calls))

    def _read(self, written: str) -> list[ToolCall] | None:
        found = (
            _parse_named_calls(written)
            if _NAMED_CALL_PATTERN.match(written)
            else _parse_objects(written)
        )
        calls: list[ToolCall] = []
        for entry in found:
            name = entry.get("name")
            arguments = entry.get("arguments", entry.get("parameters", {}))
            if isinstance(arguments, str):
                arguments = _parse_json(arguments)
            if name not in self._offered or not isinstance(arguments, dict):
                return None
            # Nine letters and digits: Mistral's templates take no other.
            number = self._count + len(calls)
            calls.append(ToolCall(f"call{number:05d}", str(name), arguments))
        self._count += len(calls)
        return calls or None


def _parse_objects(written: str) -> list[dict[str, Any]]:
    """Parse one JSON object, a list of them, or several separated by semicolons; else []."""
    decoder, found, at = json.JSONDecoder(), [], 0
    while rest := written[at:].lstrip("; \t\r\n"):
        at = len(written) - len(rest)
        try:
            value, at = decoder.raw_decode(written, at)
        except (ValueError, RecursionError):
            return []
        found += value if isinstance(value, list) else [value]
    return found if all(isinstance(entry, dict) for entry in found) else []


def _parse_named_calls(written: str) -> list[dict[str, Any]]:
    """Parse any number of `name[ARGS]{…}`; [] for anything else."""
    found = []
    for part in written.split("[TOOL_CALLS]"):
        match = _NAMED_CALL_PATTERN.match(part)
        if match is None:
            return []
        found.append({"name": match[1], "arguments": part[match.end() :].strip() or "{}"})
    return found


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
