"""Reads the calls in what a model wrote between the marks of a call, by its look."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from backends.base import Tool
from backends.notations.values import read_json, read_json_values, read_python_calls

NAME_KEYS: Final = ("name", "tool_name", "tool", "function")
ARGUMENT_KEYS: Final = ("arguments", "parameters", "args")
NO_CALL_NAMES: Final = frozenset({"directly-answer"})
"""What Command-R calls where it calls nothing."""

_OTHER_KEYS: Final = ("id", "tool_call_id", "type")

_Looks: TypeAlias = Callable[[str], "re.Match[str] | None"]
_DEEPSEEK_START_PATTERN = re.compile(r"\s*<｜tool▁call▁begin｜>")
_FUNCTION_START_PATTERN = re.compile(r"\s*<function=")
_JSON_START_PATTERN = re.compile(r"\s*[\[{]")
_FENCE_PATTERN = re.compile(r"\s*```\w{0,16}")
_NAMED_PATTERN = re.compile(r"\s*+([\w.:-]++)\s*+(?:\[CALL_ID\]\s*+[\w-]*+\s*+)?\[ARGS\]")
_FUNCTION_PATTERN = re.compile(r"<function=([^<>\n]+)>(.*?)(</function>|\Z)", re.DOTALL)
_PARAMETER_PATTERN = re.compile(
    r"<parameter=([^<>\n]+)>\n?(.*?)\n?(?:</parameter>|(?=<parameter=)|\Z)", re.DOTALL
)
_KEYS_PATTERN = re.compile(r"\s*+([\w.-]++)\s*+(?:(<arg_key>.*))?\Z", re.DOTALL)
_PYTHON_START_PATTERN = re.compile(r"\s*+(?:\[\s*+)?[A-Za-z_][\w.]*+\s*+\(")
_WRITTEN_NAME_PATTERN = re.compile(
    r"""["'](?:name|tool_name|tool)["']\s*:\s*["']([\w.:-]{1,128})["']"""
    r"|\A(?:\[\s*+)?([A-Za-z_][\w.]{0,128})\(|\A([\w.-]{1,128})\s*+<arg_key>"
)


@dataclass(frozen=True, slots=True)
class WrittenCall:
    """A call as it was written; `arguments` is None where they cannot be read. `raw`: the values
    are texts, and what kind of value each is the tool's schema tells.
    """

    name: str
    arguments: Mapping[str, Any] | None
    raw: bool = False


def read_calls(body: str, *, closed: bool = True) -> list[WrittenCall]:
    """Return the calls between two marks; none for what is no call.

    A call whose name can be read, while its arguments cannot, is among them. Without the closing
    mark (`closed`) the text may have been cut short.
    """
    body = _without_fence(body.strip())
    try:
        if not closed and _KEYS_PATTERN.match(body):
            raise ValueError("it may be cut short")
        return _read(body)
    except ValueError:
        named = _WRITTEN_NAME_PATTERN.search(body[:4_096])
        name = next(filter(None, named.groups()), None) if named else None
        return [WrittenCall(name, None)] if name else []


def read_calls_without_mark(text: str, offered: Collection[str]) -> list[WrittenCall] | None:
    """Return the calls in a text that is nothing but calls of offered tools; else None."""
    body = _without_fence(text.strip())
    try:
        values = [] if _PYTHON_START_PATTERN.match(body) else _flat(read_json_values(body))
        if not all(isinstance(value, dict) and _is_call(value) for value in values):
            return None
        calls = _read(body)
    except ValueError:
        return None
    known = {*offered, *NO_CALL_NAMES}
    if not all(call.name in known and call.arguments is not None for call in calls):
        return None
    return [call for call in calls if call.name not in NO_CALL_NAMES]


def cast(call: WrittenCall, tools: Mapping[str, Tool]) -> dict[str, Any]:
    """Return the arguments of a call as the values that its tool's schema asks for."""
    arguments = dict(call.arguments or {})
    if not call.raw:
        return arguments
    schema = tools[call.name].parameters if call.name in tools else {}
    properties = schema.get("properties")
    known: Mapping[str, Any] = properties if isinstance(properties, Mapping) else {}
    return {name: _cast_value(value, known.get(name)) for name, value in arguments.items()}


def _cast_value(value: Any, schema: Any) -> Any:
    asked: Mapping[str, Any] = schema if isinstance(schema, Mapping) else {}
    kinds = asked.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if not isinstance(value, str) or kinds == ["string"] or value in asked.get("enum", ()):
        return value
    try:
        read = read_json(value)
    except ValueError:
        return value
    if "string" not in kinds or (read is None and "null" in kinds):
        return read
    is_number = isinstance(read, int | float) and not isinstance(read, bool)
    return read if is_number and {"number", "integer"} & {*kinds} else value


def _without_fence(text: str) -> str:
    fenced = _FENCE_PATTERN.match(text)
    return text[fenced.end() :].rstrip().removesuffix("```").strip() if fenced else text


def _read(body: str) -> list[WrittenCall]:
    """Raises `ValueError`."""
    for looks, read in _SHAPES:
        if looks(body):
            return read(body)
    raise ValueError("nothing looks like a call")


def _read_objects(body: str) -> list[WrittenCall]:
    calls = []
    for value in _flat(read_json_values(body)):
        if not isinstance(value, dict):
            raise ValueError("something is no object")
        inner = value.get("function")
        calls.append(_read_object(inner if isinstance(inner, dict) else value))
    return calls


def _read_object(value: Mapping[str, Any]) -> WrittenCall:
    name = next((value[key] for key in NAME_KEYS if key in value), None)
    if not isinstance(name, str) or not name:
        raise ValueError("an object has no name")
    arguments: Any = next((value[key] for key in ARGUMENT_KEYS if key in value), {})
    if isinstance(arguments, str):
        try:
            arguments = read_json(arguments or "{}")
        except ValueError:
            arguments = ()
    if arguments is None:
        arguments = {}
    return WrittenCall(name, arguments if isinstance(arguments, dict) else None)


def _read_python(body: str) -> list[WrittenCall]:
    return [WrittenCall(name, arguments) for name, arguments in read_python_calls(body)]


def _read_named(body: str) -> list[WrittenCall]:
    calls = []
    for part in body.split("[TOOL_CALLS]"):
        named = _NAMED_PATTERN.match(part)
        if named is None:
            raise ValueError("something is no call")
        calls.append(read_arguments(named[1], part[named.end() :]))
    return calls


def _read_functions(body: str) -> list[WrittenCall]:
    calls = []
    for found in _FUNCTION_PATTERN.finditer(body):
        name, inside = found[1].strip(), found[2]
        if inside.lstrip().startswith("{"):
            calls.append(read_arguments(name, inside))
            continue
        parameters = {each[1].strip(): each[2] for each in _PARAMETER_PATTERN.finditer(inside)}
        calls.append(WrittenCall(name, parameters if found[3] else None, raw=True))
    return calls


def _read_keys(body: str) -> list[WrittenCall]:
    named = _KEYS_PATTERN.match(body)
    if named is None:
        raise ValueError("there is no name")
    keys = {}
    for part in (named[2] or "").split("<arg_key>")[1:]:
        key, _, rest = part.partition("</arg_key>")
        value = rest.partition("<arg_value>")[2]
        keys[key.strip()] = value.partition("</arg_value>")[0]
    return [WrittenCall(named[1], keys, raw=True)]


def _read_deepseek(body: str) -> list[WrittenCall]:
    calls = []
    for part in body.split("<｜tool▁call▁begin｜>")[1:]:
        first, separator, rest = part.partition("<｜tool▁call▁end｜>")[0].partition(
            "<｜tool▁sep｜>"
        )
        if first.strip() == "function":  # the name is what follows the separator on its line
            first, separator, rest = rest.partition("\n")
        if separator:
            calls.append(read_arguments(first.strip(), _without_fence(rest)))
    return calls


def read_arguments(name: str, written: str) -> WrittenCall:
    """Return a call of a tool with the JSON of its arguments."""
    arguments: Any
    try:
        arguments = read_json(written)
    except ValueError:
        arguments = None
    return WrittenCall(name, arguments if isinstance(arguments, dict) else None)


_SHAPES: Final[Sequence[tuple[_Looks, Callable[[str], list[WrittenCall]]]]] = (
    (_DEEPSEEK_START_PATTERN.match, _read_deepseek),
    (_FUNCTION_START_PATTERN.match, _read_functions),
    (_NAMED_PATTERN.match, _read_named),
    (_PYTHON_START_PATTERN.match, _read_python),
    (_JSON_START_PATTERN.match, _read_objects),
    (_KEYS_PATTERN.match, _read_keys),
)
"""How calls look, and what reads them; the first that fits."""


def _flat(values: Sequence[Any]) -> list[Any]:
    return [each for value in values for each in (value if isinstance(value, list) else [value])]


def _is_call(value: Mapping[str, Any]) -> bool:
    """Whether an object has a name, arguments, and nothing that no call has."""
    inner = value.get("function")
    keys = set(inner if isinstance(inner, dict) else value)
    return bool(
        keys & {*NAME_KEYS}
        and keys & {*ARGUMENT_KEYS}
        and keys <= {*NAME_KEYS, *ARGUMENT_KEYS, *_OTHER_KEYS}
    )
