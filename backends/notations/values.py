"""Reads the values that models write as arguments: JSON, nearly JSON, Python's literals.

Nothing is evaluated. What cannot be read raises `ValueError`.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Mapping
from typing import Any

_PYTHON_ERRORS = (SyntaxError, ValueError, RecursionError, MemoryError)
_NAMES: Mapping[str, Any] = {"true": True, "false": False, "null": None}
_GAP_PATTERN = re.compile(r"[,;\s]+")
_CALLED_PATTERN = re.compile(r"([A-Za-z_][\w.:/-]*)\s*\(")
_KEYWORD_PATTERN = re.compile(r"([^\s=,()'\"]+)\s*=")
_TOKEN_PATTERN = re.compile(
    r"""\"(?:[^\"\\]|\\.?)*+(?:\"|\Z)|'(?:[^'\\]|\\.?)*+(?:'|\Z)|[][(){},]""", re.DOTALL
)
_OPEN_BRACKETS, _CLOSE_BRACKETS = "([{", ")]}"
_LONE_SURROGATE_PATTERN = re.compile("[\ud800-\udfff]")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no value of JSON")


_DECODER = json.JSONDecoder(strict=False, parse_constant=_refuse_constant)


def read_json(text: str) -> Any:
    """Read one value: JSON, also with line breaks in its texts, single quotes or a comma too
    many.
    """
    text = text.strip()
    try:
        value, end = _decode(text, 0)
    except ValueError:
        return _read_python(text)
    if end < len(text):
        raise ValueError("there is more than one value")
    return value


def read_json_values(text: str) -> list[Any]:
    """Read values that follow each other, or are separated by commas, semicolons or lines."""
    found: list[Any] = []
    at = 0
    while rest := text[at:].lstrip(";, \t\r\n"):
        at = len(text) - len(rest)
        try:
            value, at = _decode(text, at)
        except ValueError:
            return [*found, read_json(rest.rstrip(";, \t\r\n"))]
        found.append(value)
    return found


def read_python_calls(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Read `[name(key=value, …), …]`, with or without the brackets; any name will do."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].removesuffix("]")
    found: list[tuple[str, dict[str, Any]]] = []
    at = 0
    while (at := _skip(_GAP_PATTERN, text, at)) < len(text):
        called = _CALLED_PATTERN.match(text, at)
        if called is None:
            raise ValueError("something is no call")
        arguments, at = _read_keywords(text, called.end())
        found.append((called[1], arguments))
    return found


def _read_keywords(text: str, at: int) -> tuple[dict[str, Any], int]:
    """Read `key=value, …)`; return the values and where they end."""
    arguments: dict[str, Any] = {}
    while not text.startswith(")", at := _skip(_GAP_PATTERN, text, at)):
        keyword = _KEYWORD_PATTERN.match(text, at)
        if keyword is None:
            raise ValueError("an argument has no name")
        end = _find_value_end(text, keyword.end())
        arguments[keyword[1]] = read_json(text[keyword.end() : end])
        at = end
    return arguments, at + 1


def _find_value_end(text: str, at: int) -> int:
    """Return where a value ends: before a comma or a bracket that is not its own."""
    depth = 0
    for token in _TOKEN_PATTERN.finditer(text, at):
        if token[0] in _OPEN_BRACKETS:
            depth += 1
        elif depth and token[0] in _CLOSE_BRACKETS:
            depth -= 1
        elif not depth and token[0] in ",)":
            return token.start()
    raise ValueError("a value has no end")


def _skip(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _decode(text: str, at: int) -> tuple[Any, int]:
    try:
        value, end = _DECODER.raw_decode(text, at)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return _without_surrogates(value) if "\\ud" in text.lower() else value, end


def _without_surrogates(value: Any) -> Any:
    """Return a value whose texts have no half characters, which nothing could store or send."""
    if isinstance(value, str):
        return _LONE_SURROGATE_PATTERN.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_surrogates(each) for each in value]
    if isinstance(value, dict):
        return {
            _without_surrogates(name): _without_surrogates(each) for name, each in value.items()
        }
    return value


def _parse(text: str) -> ast.Expression:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about a model's backslashes
            return ast.parse(text, mode="eval")
    except _PYTHON_ERRORS as error:
        raise ValueError("it is not well-formed") from error


def _read_python(text: str) -> Any:
    try:
        return _without_surrogates(_value(_parse(text).body))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.Name(id=name) if name in _NAMES:
            return _NAMES[name]
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return [_value(element) for element in elements]
        case ast.Dict(keys=keys, values=values):
            names = [_value(key) if key is not None else None for key in keys]
            if all(isinstance(name, str) for name in names):
                return dict(zip(names, map(_value, values), strict=True))
    raise ValueError("something is no plain value")
