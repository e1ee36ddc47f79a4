"""Takes the schema of a server's tool apart, and keeps what is safe to show and to check against.

A server may be anybody's. References are followed within the schema alone and not in circles, since
a check would fetch one of another place. Patterns, which can take for ever, are left out: the
server checks its arguments itself.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

MAX_TEXT_CHARACTERS: Final = 300
"""Longest description of a parameter that is shown."""
_MAX_NODES: Final = 400
_MAX_DEPTH: Final = 8
_MAX_PROPERTIES: Final = 40
_MAX_ALTERNATIVES: Final = 8
_MAX_VALUES: Final = 64
_TYPES: Final = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})
_NAME: Final = re.compile(r"[\w.$@/-]{1,64}")
_COUNTS: Final = ("minLength", "maxLength", "minItems", "maxItems")
_BOUNDS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


def safe_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema of type object that allows every call that the given one does."""
    found = _Copy(schema).node(schema, 0)
    return found if found.get("type") == "object" else {"type": "object"}


def one_line(text: Any, limit: int) -> str:
    """A text of others in a line of at most `limit` characters, without what cannot be seen."""
    if not isinstance(text, str):
        return ""
    seen = (c for c in text[: limit * 4] if c.isspace() or unicodedata.category(c)[0] != "C")
    line = " ".join("".join(seen).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


class _Copy:
    """The copy of one schema; `_left` is how many parts of it may still be taken over."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._left = _MAX_NODES
        self._followed: list[str] = []

    def node(self, node: Any, depth: int) -> dict[str, Any]:
        self._left -= 1
        if not isinstance(node, Mapping) or self._left < 0 or depth > _MAX_DEPTH:
            return {}
        if "$ref" in node:
            return {**self._reference(node["$ref"], depth), **_words(node)}
        kept = {**_words(node), **_type(node), **_limits(node), **_values(node)}
        for keyword in ("anyOf", "oneOf"):
            if options := self._alternatives(node.get(keyword), depth):
                kept["anyOf"] = options
        if isinstance(properties := node.get("properties"), Mapping):
            kept |= self._object(node, properties, depth)
        if isinstance(items := node.get("items"), Mapping):
            kept["items"] = self.node(items, depth + 1)
        return kept

    def _reference(self, name: Any, depth: int) -> dict[str, Any]:
        """What a reference within the schema leads to; anything, where it leads into itself."""
        if not isinstance(name, str) or not name.startswith("#/") or name in self._followed:
            return {}
        target: Any = self._root
        for step in name[2:].split("/")[:_MAX_DEPTH]:
            target = target.get(step) if isinstance(target, Mapping) else None
        self._followed.append(name)
        found = self.node(target, depth + 1)
        self._followed.pop()
        return found

    def _alternatives(self, options: Any, depth: int) -> list[dict[str, Any]]:
        if not isinstance(options, list) or not 0 < len(options) <= _MAX_ALTERNATIVES:
            return []
        return [self.node(option, depth + 1) for option in options]

    def _object(
        self, node: Mapping[str, Any], properties: Mapping[str, Any], depth: int
    ) -> dict[str, Any]:
        names = [name for name in properties if _NAME.fullmatch(name)][:_MAX_PROPERTIES]
        required = node.get("required")
        wanted = required if isinstance(required, list) else []
        return {
            "type": "object",
            "properties": {name: self.node(properties[name], depth + 1) for name in names},
            "required": [name for name in names if name in wanted],
        }


def _words(node: Mapping[str, Any]) -> dict[str, Any]:
    told = one_line(node.get("description"), MAX_TEXT_CHARACTERS)
    default = node.get("default")
    plain = default is not None and _is_short(default)
    return {**({"description": told} if told else {}), **({"default": default} if plain else {})}


def _type(node: Mapping[str, Any]) -> dict[str, Any]:
    kind = node.get("type")
    if isinstance(kind, str) and kind in _TYPES:
        return {"type": kind}
    kinds = kind[: len(_TYPES)] if isinstance(kind, list) else []
    if kinds and all(isinstance(one, str) and one in _TYPES for one in kinds):
        return {"type": list(dict.fromkeys(kinds))}
    return {}


def _limits(node: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {
        name: node[name] for name in _COUNTS if type(node.get(name)) is int and node[name] >= 0
    }
    numbers = {name: node[name] for name in _BOUNDS if type(node.get(name)) in (int, float)}
    return {**kept, **{name: bound for name, bound in numbers.items() if _is_short(bound)}}


def _values(node: Mapping[str, Any]) -> dict[str, Any]:
    values: Any = node.get("enum", [node["const"]] if "const" in node else None)
    if not isinstance(values, list) or not 0 < len(values) <= _MAX_VALUES:
        return {}
    return {"enum": list(values)} if all(map(_is_short, values)) else {}


def _is_short(value: Any) -> bool:
    """Whether a value is one that a model may be shown as it is, and that JSON has."""
    if isinstance(value, str):
        return len(value) <= MAX_TEXT_CHARACTERS
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, int)
