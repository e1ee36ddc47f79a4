"""The reference of `bot.api` in Markdown, made from the source: signatures and docstrings, of which
none is shortened: what a field means, or when a call is made, may stand in any paragraph."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from itertools import zip_longest
from typing import Any, Final

import bot.api

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.Assign | ast.AnnAssign

GROUPS: Final = (
    (
        "Skills and commands",
        (
            "bot.skills",
            "bot.commands.declaration",
            "bot.commands.options",
            "bot.commands.time_words",
        ),
    ),
    ("Tools", ("bot.agent",)),
    ("Who may do what", ("bot.commands.checks", "bot.commands.access", "bot.knowledge.access")),
    ("Events", ("bot.events",)),
    ("Parts of an answer", ("bot.types", "bot.catalogue")),
    ("What services return", ("bot.values", "bot.duels.values")),
    ("Answers from documents", ("bot.answering", "bot.knowledge.citations")),
    ("Prompts", ("bot.prompting",)),
    ("Reminders and schedules", ("bot.schedules",)),
    ("History and memory", ("bot.history", "bot.memory")),
    ("Models and engines", ("backends.base", "backends.usage", "bot.models.protocol")),
    ("Platforms", ("bot.adapters", "bot.config", "bot.private_files", "bot.replies")),
    ("Errors", ("bot.errors", "backends.errors")),
    ("Earlier names", ("bot.api",)),
)
"""Headings of the reference, each with the modules whose names stand under it."""

MAX_DEFAULT_CHARACTERS: Final = 30
"""A default value that is longer is shown as an ellipsis."""


def api_reference() -> str:
    """All public names of `bot.api`, grouped: kind, signature, docstring, fields and methods.

    Raises `LookupError` for a name whose module is in no group, or that has no docstring.
    """
    grouped: dict[str, list[str]] = {heading: [] for heading, _ in GROUPS}
    for name in sorted(bot.api.__all__, key=lambda name: (name.casefold(), name)):
        module = _home(name)
        heading = next((heading for heading, modules in GROUPS if module.startswith(modules)), None)
        if heading is None:
            raise LookupError(f"{name} of {module} is in no group of the reference")
        grouped[heading].append("\n\n".join(_entry(module, name)))
    return "\n\n".join(
        "\n\n".join([f"## {heading}", *entries]) for heading, entries in grouped.items() if entries
    )


def paragraphs(docstring: str | None) -> list[str]:
    """The paragraphs of a docstring, each in one line. Raises `LookupError` where there is none."""
    if not docstring:
        raise LookupError("there is no docstring")
    return [" ".join(one.split()) for one in inspect.cleandoc(docstring).split("\n\n")]


# --- where a name is defined ----------------------------------------------------------------------


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(inspect.getsource(import_module(module)))


def _home(name: str) -> str:
    """The module that defines a name of `bot.api`."""
    for node in _tree("bot.api").body:
        if isinstance(node, ast.ImportFrom) and any(alias.name == name for alias in node.names):
            return node.module or ""
    return "bot.api"


def _definition(module: str, name: str) -> tuple[Definition, str | None]:
    """The statement that defines a name, and its docstring; an assignment's stands below it."""
    body = _tree(module).body
    for at, node in enumerate(body):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name == name:
                return node, ast.get_docstring(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            if isinstance(target, ast.Name) and target.id == name:
                return node, _string(body[at + 1]) if at + 1 < len(body) else None
    raise LookupError(f"{module} does not define {name}")


def _string(node: ast.stmt) -> str | None:
    constant = node.value if isinstance(node, ast.Expr) else None
    value = constant.value if isinstance(constant, ast.Constant) else None
    return value if isinstance(value, str) else None


# --- an entry -------------------------------------------------------------------------------------


def _entry(module: str, name: str) -> Iterator[str]:
    node, docstring = _definition(module, name)
    value = getattr(bot.api, name)
    yield f"### {name}"
    if isinstance(node, ast.Assign | ast.AnnAssign):
        yield f"*{_kind_of_value(module, node)}* `{_assigned(name, node)}`"
    elif isinstance(node, ast.ClassDef):
        yield f"*{_kind_of_class(value)}* `{_class_signature(value, node)}`"
    else:
        kind = "async generator" if inspect.isasyncgenfunction(value) else "function"
        yield f"*{kind}* `{_call_signature(node)}`"
    try:
        yield from paragraphs(docstring)
        if isinstance(node, ast.ClassDef):
            members = "\n".join((*_members(node), *_choices(module, node)))
            if members:
                yield members
    except LookupError as exc:
        raise LookupError(f"{name} of {module}: {exc}") from exc


def _members(node: ast.ClassDef) -> Iterator[str]:
    """What a class has: fields with a docstring of their own, which stands below them, methods and
    properties."""
    for member, below in zip_longest(node.body, node.body[1:]):
        if isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name):
            if below is not None and (said := _string(below)):
                yield f"- `{member.target.id}`: {' '.join(paragraphs(said))}"
            continue
        if not isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if member.name.startswith("_"):
            continue
        decorators = {ast.unparse(decorator) for decorator in member.decorator_list}
        if "property" in decorators:
            returned = f": {ast.unparse(member.returns)}" if member.returns else ""
            signature = f"{member.name}{returned}"
        else:
            signature = _call_signature(member, bound=True)
        yield f"- `{signature}`: {' '.join(paragraphs(ast.get_docstring(member)))}"


def _choices(module: str, node: ast.ClassDef) -> Iterator[str]:
    """The types that a class names and plugins cannot import: a choice of a few texts each."""
    named = dict.fromkeys(one.id for one in ast.walk(node) if isinstance(one, ast.Name))
    body = _tree(module).body
    for at, statement in enumerate(body):
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Subscript() as value) if (
                name in named and name not in bot.api.__all__
            ):
                said = _string(body[at + 1]) if at + 1 < len(body) else None
                more = f": {' '.join(paragraphs(said))}" if said else ""
                yield f"- `{name} = {ast.unparse(value)}`{more}"


def _kind_of_class(value: type) -> str:
    if issubclass(value, BaseException):
        return "exception"
    if getattr(value, "_is_protocol", False):
        return "protocol"
    return "dataclass" if dataclasses.is_dataclass(value) else "class"


def _kind_of_value(module: str, node: ast.Assign | ast.AnnAssign) -> str:
    if module == "bot.api":
        return "earlier name"
    alias = isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "TypeAlias"
    return "type" if alias or isinstance(node.value, ast.Subscript | ast.BinOp) else "value"


# --- signatures -----------------------------------------------------------------------------------


def _assigned(name: str, node: ast.Assign | ast.AnnAssign) -> str:
    text = ast.unparse(node.value) if node.value is not None else ""
    return name if isinstance(node.value, ast.Call) else f"{name} = {text}"


def _class_signature(value: type, node: ast.ClassDef) -> str:
    if dataclasses.is_dataclass(value):
        return f"{node.name}({', '.join(_fields(node))})"
    made = next((m for m in node.body if getattr(m, "name", "") == "__init__"), None)
    if isinstance(made, ast.FunctionDef):
        return f"{node.name}{_arguments(made, bound=True)}"
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    return f"{node.name}({bases})" if bases and not getattr(value, "_is_protocol", 0) else node.name


def _fields(node: ast.ClassDef) -> Iterator[str]:
    """The fields of a dataclass as they stand in a call of it."""
    for member in node.body:
        if isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name):
            default = _field_default(member.value)
            shown = f" = {_shortened(default)}" if default is not None else ""
            yield f"{member.target.id}: {ast.unparse(member.annotation)}{shown}"


def _field_default(value: ast.expr | None) -> ast.expr | None:
    if not (isinstance(value, ast.Call) and ast.unparse(value.func) == "field"):
        return value
    given: dict[str | None, Any] = {keyword.arg: keyword.value for keyword in value.keywords}
    return given.get("default", ast.Name("…") if "default_factory" in given else None)


def _shortened(default: ast.expr) -> str:
    text = ast.unparse(default)
    return text if len(text) <= MAX_DEFAULT_CHARACTERS else "…"


def _call_signature(node: ast.FunctionDef | ast.AsyncFunctionDef, *, bound: bool = False) -> str:
    """A function as it is declared; `bound` leaves out its first argument."""
    returned = f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""
    generates = any(isinstance(inner, ast.Yield) for inner in ast.walk(node))
    awaited = "async " if isinstance(node, ast.AsyncFunctionDef) and not generates else ""
    return f"{awaited}{node.name}{_arguments(node, bound=bound)}{returned}"


def _arguments(node: ast.FunctionDef | ast.AsyncFunctionDef, *, bound: bool) -> str:
    text = ast.unparse(node.args)
    return f"({text.partition(', ')[2] if bound else text})"
