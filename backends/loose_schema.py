"""Loosens JSON schemas of tools to what a grammar can say, in bounded work.

What is left out here (ranges, formats, patterns with lookaheads, long counts, large enumerations,
recursion) is checked on the arguments afterwards.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

_TYPES = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})
_FORMATS = frozenset({"date", "time", "date-time", "uuid"})
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems")
_MAX_COUNT = 64
_MAX_ENUM_VALUES = 64
_MAX_CONSTANT_CHARACTERS = 4_000
_MAX_ALTERNATIVES = 8
_MAX_PROPERTIES = 32
_MAX_PATTERN_CHARACTERS = 100
_MAX_DEPTH = 12
_MAX_NODES = 500

_PLAIN_PATTERN = re.compile(r"\^(?:[\w \-/:@,]|\\[.\-/+]|\[[\w\-]++\][*+?]?)*+\$")
"""Letters, digits, common marks, and sets of them that may repeat."""


def loosen_schema(schema: Any) -> dict[str, Any]:
    """Return a schema that allows everything the given one does, and that a grammar can say.

    It has no references. `{}` allows any value. Never raises, and never takes long.
    """
    return _Loosener(schema).loosen(schema)


class _Loosener:
    """Loosens one schema; `_left` is how many parts of it may still be kept."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._left = _MAX_NODES
        self._followed: list[str] = []

    def loosen(self, node: Any, depth: int = 0) -> dict[str, Any]:
        self._left -= 1
        if not isinstance(node, Mapping) or self._left < 0 or depth > _MAX_DEPTH:
            return {}
        if (ref := node.get("$ref")) is not None:
            return self._followed_ref(ref, depth)
        if isinstance(every := node.get("allOf"), Sequence) and not node.get("properties"):
            return self.loosen(every[0], depth + 1) if len(every) == 1 else {}
        for keyword in ("anyOf", "oneOf"):
            if keyword in node:
                return self._alternatives(node[keyword], depth)
        if "const" in node or "enum" in node:
            return _constants(node)
        kind = node.get("type", "object" if "properties" in node else None)
        if isinstance(kind, list):
            return self._alternatives([{**node, "type": one} for one in kind], depth)
        if not isinstance(kind, str) or kind not in _TYPES:
            return {}
        if kind == "object":
            return self._object(node, depth)
        if kind == "array":
            items = self.loosen(node.get("items"), depth + 1)
            return {"type": kind, **({"items": items, **_counts(node)} if items else {})}
        return {"type": kind, **(_text(node) if kind == "string" else {})}

    def _followed_ref(self, ref: Any, depth: int) -> dict[str, Any]:
        """What a reference within the schema points to; anything, where it leads into itself."""
        if not isinstance(ref, str) or not ref.startswith("#/") or ref in self._followed:
            return {}
        target = self._root
        for step in ref[2:].split("/")[:_MAX_DEPTH]:
            target = target.get(step) if isinstance(target, Mapping) else None
        self._followed.append(ref)
        found = self.loosen(target, depth + 1)
        self._followed.pop()
        return found

    def _alternatives(self, options: Any, depth: int) -> dict[str, Any]:
        if not isinstance(options, Sequence) or not 0 < len(options) <= _MAX_ALTERNATIVES:
            return {}
        loose = [self.loosen(option, depth + 1) for option in options]
        return {"anyOf": loose} if all(loose) else {}

    def _object(self, node: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties = node.get("properties")
        if not properties and node.get("additionalProperties") is False:
            return {"type": "object", "properties": {}, "additionalProperties": False}
        if not isinstance(properties, Mapping) or not 0 < len(properties) <= _MAX_PROPERTIES:
            return {"type": "object"}
        loose = {str(name): self.loosen(part, depth + 1) for name, part in properties.items()}
        required = node.get("required")
        named = required if isinstance(required, Sequence) else ()
        return {
            "type": "object",
            "properties": loose,
            "required": [name for name in loose if name in named],
            **({"additionalProperties": False} if not node.get("additionalProperties") else {}),
        }


def _constants(node: Mapping[str, Any]) -> dict[str, Any]:
    values = node["enum"] if "enum" in node else [node["const"]]
    if not isinstance(values, Sequence) or not 0 < len(values) <= _MAX_ENUM_VALUES:
        return {}
    try:
        size = len(json.dumps(values))
    except (TypeError, ValueError, RecursionError):
        return {}
    return {"enum": list(values)} if size <= _MAX_CONSTANT_CHARACTERS else {}


def _counts(node: Mapping[str, Any]) -> dict[str, int]:
    found = {name: node[name] for name in _COUNTS if type(node.get(name)) is int}
    return {name: count for name, count in found.items() if 0 <= count <= _MAX_COUNT}


def _text(node: Mapping[str, Any]) -> dict[str, Any]:
    pattern, form = node.get("pattern"), node.get("format")
    if isinstance(pattern, str) and len(pattern) <= _MAX_PATTERN_CHARACTERS:
        if _PLAIN_PATTERN.fullmatch(pattern):
            return {"pattern": pattern}
        return {}
    if pattern is None and isinstance(form, str) and form in _FORMATS:
        return {"format": form}
    return {} if pattern is not None else _counts(node)
