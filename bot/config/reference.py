"""Lists every key of config.yaml with type, default and meaning, for the documentation."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
import types
import typing
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bot.config.base import PlatformSettings, Section
from bot.config.platforms import SHIPPED_SECTIONS
from bot.config.root import Config


class Row(NamedTuple):
    """One key. `<name>` in a path stands for a name that the operator chooses."""

    path: str
    type: str
    default: str
    description: str


def describe_keys(
    platforms: Mapping[str, type[PlatformSettings]] = SHIPPED_SECTIONS,
) -> list[Row]:
    """All keys: those of the core, then those of the platforms."""
    sections = (row for name, model in platforms.items() for row in _rows(model, f"{name}."))
    return [*_rows(Config, ""), *sections]


def _rows(model: type[Section], prefix: str) -> Iterator[Row]:
    meanings = _meanings(model)
    for name, field in model.model_fields.items():
        path, inner = prefix + name, _model_in(field.annotation)
        if inner is not None and typing.get_origin(field.annotation) is None:
            yield from _rows(inner, path + ".")
            continue
        yield Row(path, _type(field.annotation), _default(field), meanings.get(name, ""))
        if inner is not None:
            mark = ".<name>." if typing.get_origin(field.annotation) is dict else "[]."
            yield from _rows(inner, path + mark)


def _meanings(model: type[Section]) -> Mapping[str, str]:
    """The string under each field, in the sources of the model and of those that it inherits."""
    found: dict[str, str] = {}
    for owner in reversed(model.__mro__[: model.__mro__.index(Section)]):
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
        assert isinstance(body, ast.ClassDef)
        for line, below in pairwise(body.body):
            match line, below:
                case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(text))):
                    found[name] = inspect.cleandoc(text)
    return found


def _model_in(hint: Any) -> type[Section] | None:
    if isinstance(hint, type) and issubclass(hint, Section):
        return hint
    found = (_model_in(inner) for inner in typing.get_args(hint))
    return next((model for model in found if model is not None), None)


_NAMES = {str: "text", int: "whole number", float: "number", bool: "yes or no", Path: "path"}


def _type(hint: Any) -> str:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _type(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type(a) for a in arguments if a is not type(None))
    if origin is typing.Literal:
        return " or ".join(f"`{a}`" for a in arguments)
    if origin in (list, tuple, frozenset):
        return "list of " + _type(arguments[0])
    if origin is dict or _model_in(hint) is not None:
        return "mapping"
    return _NAMES.get(hint, "any")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ("", ()):
        return "" if not isinstance(value, tuple) else "[]"
    if isinstance(value, dict) and any(isinstance(v, (dict, BaseModel)) for v in value.values()):
        return ", ".join(value)
    return str(value) if isinstance(value, str | Path) else json.dumps(value, default=str)
