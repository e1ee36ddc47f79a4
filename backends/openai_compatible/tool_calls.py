"""Assembles the tool calls of a stream, from servers that number them and from those that do not.

OpenAI numbers calls by `index` and sends id and name once. Others leave the index out, give every
call the same one, repeat the name in each delta, or send the arguments as an object.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backends.base import ToolCall
from backends.errors import BackendProtocolError


@dataclass(slots=True)
class _Call:
    index: Any
    id: str = ""
    name: str = ""
    arguments: str = ""
    event: int = 0
    """The event that named it."""

    def parsed(self) -> dict[str, Any] | None:
        """The arguments, where they are a whole JSON object."""
        try:
            found = json.loads(self.arguments or "{}")
            if isinstance(found, str):  # JSON within JSON
                found = json.loads(found or "{}")
        except (ValueError, RecursionError):
            return None
        if found is None:
            return {}
        return found if isinstance(found, dict) else None

    def belongs(self, index: Any, ident: str, name: str, event: int) -> bool:
        """Whether a delta goes on with this call, and does not begin another."""
        if ident and self.id:
            return ident == self.id
        if index is not None and self.index is not None and index != self.index:
            return False
        if not name:
            return True
        return self.event != event and not (self.arguments and self.parsed() is not None)


@dataclass
class ToolCallAssembler:
    """Takes the `tool_calls` of each delta; `end` returns the calls."""

    source: str
    _calls: list[_Call] = field(default_factory=list)
    _event: int = 0

    def __bool__(self) -> bool:
        return bool(self._calls)

    def take(self, parts: Any) -> None:
        self._event += 1
        for part in parts if isinstance(parts, list) else [parts]:
            if isinstance(part, Mapping):
                self._take(part)

    def _take(self, part: Mapping[str, Any]) -> None:
        function = part.get("function")
        function = function if isinstance(function, Mapping) else part
        index, ident, name = part.get("index"), _text(part.get("id")), _text(function.get("name"))
        call = next(
            (c for c in reversed(self._calls) if c.belongs(index, ident, name, self._event)), None
        )
        if call is None:
            call = _Call(index)
            self._calls.append(call)
        call.id = call.id or ident
        if name:
            call.event = self._event
        if name != call.name:
            call.name += name
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            call.arguments += arguments
        elif arguments is not None:
            call.arguments = json.dumps(arguments)

    def end(self) -> tuple[ToolCall, ...]:
        """Return the calls. Raises `BackendProtocolError` for one that is not whole."""
        return tuple(self._finished(at, call) for at, call in enumerate(self._calls))

    def _finished(self, at: int, call: _Call) -> ToolCall:
        arguments = call.parsed()
        if arguments is None or not call.name:
            raise BackendProtocolError(f"{self.source} called a tool with broken arguments.")
        return ToolCall(call.id or f"call_{at}", call.name, arguments)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
