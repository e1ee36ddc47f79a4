"""What a server says of its tools, each looked at by itself: one that is wrong is named and left
out, and never all."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bot.mcp.safe_schema import one_line, safe_schema

MAX_TOOLS: Final = 200
"""Most tools of one server."""
MAX_DESCRIPTION_CHARACTERS: Final = 800
_MAX_TOOL_CHARACTERS: Final = 100_000
_MAX_NAME_CHARACTERS: Final = 128
_MAX_CALLED_CHARACTERS: Final = 60
_MARK_CHARACTERS: Final = 6
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True)
class ListedTool:
    """A tool as its server describes it. `name` is the server's own, `called` what a model calls
    it. `looks`: the server says that it only looks something up. `digest` stands for everything
    that was said of it."""

    name: str
    called: str
    description: str
    parameters: Mapping[str, Any] = field(repr=False)
    looks: bool
    digest: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The tools of a server. `problems` names those that are left out, and why. `changed` are the
    names of tools that are described in another way than when they were accepted."""

    tools: tuple[ListedTool, ...] = ()
    problems: tuple[str, ...] = ()
    changed: frozenset[str] = frozenset()


def read_listing(server: str, raw: Sequence[Any], taken: frozenset[str] = frozenset()) -> Listing:
    """Read what a server said of its tools.

    `taken` are names that its tools may not have, such as those of the tools that ship.
    """
    tools: list[ListedTool] = []
    problems: list[str] = []
    named: set[str] = set()
    for number, one in enumerate(raw[:MAX_TOOLS], 1):
        try:
            tool = _read(server, one, taken)
            if tool.name in named:
                raise ValueError("there are two of this name")
        except (ValueError, TypeError, RecursionError) as error:
            given = one.get("name") if isinstance(one, Mapping) else None
            name = one_line(given, 60) or f"number {number}"
            problems.append(f"tool {name} is left out: {error}")
            continue
        tools.append(tool)
        named.add(tool.name)
    if len(raw) > MAX_TOOLS:
        problems.append(f"only the first {MAX_TOOLS} of its {len(raw)} tools are offered")
    return Listing(tuple(tools), tuple(problems))


def _read(server: str, one: Any, taken: frozenset[str]) -> ListedTool:
    if not isinstance(one, Mapping):
        raise ValueError("it is no object")
    if len(json.dumps(one)) > _MAX_TOOL_CHARACTERS:
        raise ValueError(f"its description has more than {_MAX_TOOL_CHARACTERS:,} characters")
    name, schema = one.get("name"), one.get("inputSchema")
    if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME_CHARACTERS:
        raise ValueError("it has no name that can be used")
    if not isinstance(schema, Mapping) or schema.get("type") != "object":
        raise ValueError("its arguments are not described as an object")
    if not isinstance(one.get("description", ""), str):
        raise ValueError("its description is no text")
    hints = one.get("annotations")
    said = json.dumps([one.get("description"), schema, hints], sort_keys=True)
    return ListedTool(
        name=name,
        called=_safe_name(server, name, taken),
        description=one_line(one.get("description"), MAX_DESCRIPTION_CHARACTERS),
        parameters=safe_schema(schema),
        looks=isinstance(hints, Mapping) and hints.get("readOnlyHint") is True,
        digest=hashlib.sha256(said.encode()).hexdigest(),
    )


def _safe_name(server: str, name: str, taken: frozenset[str]) -> str:
    """A name that a model can write and that nothing else has; always the same for one tool."""
    plain = _UNSAFE.sub("_", name)
    called = f"{server}_{plain}"
    if plain == name and len(called) <= _MAX_CALLED_CHARACTERS and called not in taken:
        return called
    mark = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:_MARK_CHARACTERS]
    return f"{called[: _MAX_CALLED_CHARACTERS - 1 - _MARK_CHARACTERS]}_{mark}"
