"""Every pattern of our source, and how it is used.

A call of `re` is found in the syntax tree, and its pattern evaluated in its module; what a module
holds in its names, tuples and tables is found there. So a new pattern is tried without being named.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[2]
PACKAGES = ("bot", "backends", "plugins")
METHODS = frozenset({"search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer"})
MADE_OF_WORDS = {
    "bot/knowledge/index/full_text.py": r"(?<!\w)(?:trams|tram|the\ town\ hall|a)(?!\w)",
    "bot/observability/redaction.py": "token-0123456789|token-01234567|token",
    "backends/notations/spans.py": r"(?P<again><think(?:\s[^<>]{0,128})?>)|</think>",
    "backends/openai_compatible/dialect.py": r"\bstream_options\b",
    "backends/chat_marks.py": r"(?=<\|im_end\|>|<\|im_start\|>|\[INST\]|<s>).",
}
"""Patterns of escaped words that are known at run time, as they look then."""
GIVEN_BY_OPERATORS = frozenset({"backends/scripted/script.py"})
"""Patterns that stand in a configuration file; `scripted` is a backend for tests."""


@dataclass(frozen=True)
class Found:
    """A pattern, where it stands, and the methods that it is used with."""

    where: str
    pattern: re.Pattern[Any]
    methods: frozenset[str] = METHODS


@dataclass(frozen=True)
class Source:
    """A file of ours with its module, which is imported when it is asked for."""

    name: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse((ROOT / self.name).read_text("utf-8"))

    @cached_property
    def uses(self) -> dict[str, set[str]]:
        """Every name that is read, with the methods that it is called with."""
        called: dict[int, str] = {}
        read: list[ast.Name] = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                called[id(node.value)] = node.attr
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                read.append(node)
        used: dict[str, set[str]] = {}
        for node in read:
            used.setdefault(node.id, set()).add(called.get(id(node), "handed on"))
        return used

    @cached_property
    def module(self) -> ModuleType:
        dotted = self.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        return importlib.import_module(dotted)


def sources() -> list[Source]:
    return [
        Source(str(path.relative_to(ROOT)))
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if "import re\n" in path.read_text("utf-8")
    ]


def collect() -> list[Found]:
    """All patterns, each once for each place that makes it."""
    every = sources()
    found: list[Found] = []
    for source in every:
        here = [*_in_calls(source, every)]
        known = {one.pattern for one in here}
        held = {*_held(vars(source.module))} - known
        ours = [Found(source.name, one) for one in held if not _is_from_elsewhere(one, found)]
        found += [*here, *sorted(ours, key=lambda one: str(one.pattern.pattern))]
    return found


def _in_calls(source: Source, every: list[Source]) -> Iterator[Found]:
    named = {
        id(node.value): target.id
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Assign) and len(node.targets) == 1
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(source.tree):
        name = _method_of_re(node)
        if not name:
            continue
        assert isinstance(node, ast.Call)
        where = f"{source.name}:{node.lineno}"
        if source.name in GIVEN_BY_OPERATORS and not isinstance(node.args[0], ast.Constant):
            continue
        try:
            pattern = _evaluated(node, name, source.module)
        except NameError:
            if source.name in MADE_OF_WORDS:
                yield Found(where, re.compile(MADE_OF_WORDS[source.name]))
            elif not _is_held(node, source):
                raise
            continue
        if name != "compile":
            yield Found(where, pattern, frozenset({name}))
        elif id(node) in named:
            yield Found(where, pattern, _methods(named[id(node)], source, every))
        else:
            yield Found(where, pattern)


def _method_of_re(node: ast.AST) -> str:
    """The function of `re` that takes a pattern and is called here."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return ""
    of, name = node.func.value, node.func.attr
    if isinstance(of, ast.Name) and of.id == "re" and name in METHODS | {"compile"}:
        return name
    return ""


def _evaluated(call: ast.Call, name: str, module: ModuleType) -> re.Pattern[Any]:
    places = {"compile": 1, "sub": 4, "subn": 4, "split": 3}
    at = places.get(name, 2)
    flags: list[ast.expr] = [word.value for word in call.keywords if word.arg == "flags"]
    flags += call.args[at : at + 1]
    pattern = _value(call.args[0], module)
    return re.compile(pattern, _value(flags[0], module) if flags else 0)


def _value(expression: ast.expr, module: ModuleType) -> Any:
    return eval(compile(ast.Expression(expression), module.__name__, "eval"), vars(module))


def _is_held(call: ast.Call, source: Source) -> bool:
    """Whether it stands outside of functions, so that its patterns are found in the module."""
    return any(
        inner is call
        for statement in source.tree.body
        if isinstance(statement, ast.Assign)
        for inner in ast.walk(statement)
    )


def _held(value: Any, depth: int = 3) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif depth and isinstance(value, dict):
        for name, inner in value.items():
            if name != "__builtins__":
                yield from _held(inner, depth - 1)
    elif depth and isinstance(value, tuple | list | set | frozenset):
        for inner in value:
            yield from _held(inner, depth - 1)


def _is_from_elsewhere(pattern: re.Pattern[Any], found: list[Found]) -> bool:
    return any(one.pattern is pattern or one.pattern == pattern for one in found)


def _methods(name: str, source: Source, every: list[Source]) -> frozenset[str]:
    """How a named pattern is used; every way where it is handed on as it is."""
    where = [source] if name.startswith("_") else every
    used = {method for one in where for method in one.uses.get(name, ())}
    return frozenset(used) if used and used <= METHODS | {"pattern"} else METHODS
