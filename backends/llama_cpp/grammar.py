"""Converts a JSON schema to the grammar that constrains an answer in llama.cpp."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from llama_cpp.llama_grammar import PRIMITIVE_RULES, SchemaConverter

from backends.errors import InvalidRequest

_MAX_REPEATS = 1000
_COUNT_KEYWORDS = ("minLength", "maxLength", "minItems", "maxItems")
_MAX_GRAMMAR_CHARACTERS = 256 * 1024
_CONVERTER_ERRORS = (AssertionError, ValueError, TypeError, LookupError, RecursionError)
"""It asserts, and looks keys up without asking."""
_UNSUPPORTED = "The JSON schema uses something that cannot be turned into a grammar; simplify it."
_LITERAL_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"})


class _Converter(SchemaConverter):  # type: ignore[misc] # the package has no types
    """llama-cpp-python's converter, with literals escaped correctly.

    The original leaves backslashes as they are, which a grammar reads as its own escapes: constants
    lose their quotes, and characters beyond the basic plane become half characters.
    """

    def _format_literal(self, literal: str) -> str:
        if literal.startswith('"'):
            literal = json.dumps(json.loads(literal), ensure_ascii=False)
        return f'"{literal.translate(_LITERAL_ESCAPES)}"'

    def visit(self, schema: Mapping[str, Any], name: str) -> Any:
        if not schema and name:  # any value, where the original allows objects alone
            return self._add_primitive("value", PRIMITIVE_RULES["value"])
        return super().visit(schema, name)

    def _generate_constant_rule(self, value: Any) -> str:
        return self._format_literal(json.dumps(value, ensure_ascii=False))


def compile_grammar(schema: Mapping[str, Any]) -> str:
    """Return the grammar of a valid JSON schema.

    Raises `InvalidRequest` for what the converter does not support, or what would grow too large.
    """
    try:
        copy = json.loads(json.dumps(schema))
        _check_repeats(copy)
        converter = _Converter(prop_order={}, allow_fetch=False, dotall=False, raw_pattern=False)
        converter.visit(converter.resolve_refs(copy, ""), "")
        grammar = str(converter.format_grammar())
    except _CONVERTER_ERRORS as error:
        raise InvalidRequest(_UNSUPPORTED) from error
    if len(grammar) > _MAX_GRAMMAR_CHARACTERS:
        raise InvalidRequest("The JSON schema makes a grammar that is too large; simplify it.")
    return grammar


class RuleBuilder(_Converter):
    """Collects the rules of several schemas; one that says nothing allows any value."""

    def __init__(self) -> None:
        super().__init__(prop_order={}, allow_fetch=False, dotall=False, raw_pattern=False)

    @property
    def rules(self) -> dict[str, str]:
        """The rules so far, by name."""
        return self._rules  # type: ignore[no-any-return]

    def add(self, schema: Mapping[str, Any], name: str) -> str:
        """Add the rules of a schema without references; return the name of the first.

        Raises `InvalidRequest` for what the converter does not support.
        """
        try:
            return str(self.visit(schema, name))
        except _CONVERTER_ERRORS as error:
            raise InvalidRequest(_UNSUPPORTED) from error


def _check_repeats(node: Any) -> None:
    """Refuse repeat counts that the grammar would expand one by one."""
    if isinstance(node, dict):
        for key in _COUNT_KEYWORDS:
            count = node.get(key)
            if isinstance(count, int) and count > _MAX_REPEATS:
                raise InvalidRequest(
                    f"{key} {count} in the JSON schema is too large; {_MAX_REPEATS} is the most."
                )
        for value in node.values():
            _check_repeats(value)
    elif isinstance(node, list):
        for value in node:
            _check_repeats(value)
