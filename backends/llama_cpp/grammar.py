"""From a JSON schema to the grammar that llama.cpp holds an answer to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from llama_cpp.llama_grammar import SchemaConverter

from backends.errors import InvalidRequest

_MOST_REPEATS = 1000
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems")
_LARGEST = 256 * 1024
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"})


class _Converter(SchemaConverter):  # type: ignore[misc] # the package has no types
    """llama-cpp-python's converter, with literals that survive the way into a grammar.

    Its own leaves backslashes as they are, which a grammar reads as its own escapes: constants with
    quotes would lose them, and characters beyond the basic plane become half characters.
    """

    def _format_literal(self, literal: str) -> str:
        if literal.startswith('"'):
            literal = json.dumps(json.loads(literal), ensure_ascii=False)
        return f'"{literal.translate(_ESCAPES)}"'

    def _generate_constant_rule(self, value: Any) -> str:
        return self._format_literal(json.dumps(value, ensure_ascii=False))


def grammar_of(schema: Mapping[str, Any]) -> str:
    """The grammar of a JSON schema that is known to be valid.

    Raises `InvalidRequest` for what the converter does not know, or what would grow too large.
    """
    try:
        copy = json.loads(json.dumps(schema))
        _bound(copy)
        converter = _Converter(prop_order={}, allow_fetch=False, dotall=False, raw_pattern=False)
        converter.visit(converter.resolve_refs(copy, ""), "")
        grammar = str(converter.format_grammar())
    # The converter asserts, and looks keys up without asking.
    except (AssertionError, ValueError, TypeError, LookupError, RecursionError) as error:
        raise InvalidRequest(
            "The JSON schema uses something that cannot be turned into a grammar; simplify it."
        ) from error
    if len(grammar) > _LARGEST:
        raise InvalidRequest("The JSON schema makes a grammar that is too large; simplify it.")
    return grammar


def _bound(node: Any) -> None:
    """Refuse repeat counts that the grammar would spell out one by one."""
    if isinstance(node, dict):
        for key in _COUNTS:
            count = node.get(key)
            if isinstance(count, int) and count > _MOST_REPEATS:
                raise InvalidRequest(
                    f"{key} {count} in the JSON schema is too large; {_MOST_REPEATS} is the most."
                )
        for value in node.values():
            _bound(value)
    elif isinstance(node, list):
        for value in node:
            _bound(value)
