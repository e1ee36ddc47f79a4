"""Puts what is wrong in a configuration into words: where it stands, and what would be right."""

from __future__ import annotations

import typing
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Any

from pydantic import BaseModel

from bot.config.base import PlatformSettings
from bot.config.root import Config
from bot.errors import nearest

Location = tuple[str | int, ...]


def keys_only(loc: Location, written: Any) -> Location:
    """Pydantic's location without the marks that it adds for unions and validators."""
    kept: list[str | int] = []
    here = written
    for step in loc:
        if step in (here if isinstance(here, dict) else range(_length(here))):
            here = here[step]
        elif step == loc[-1] and isinstance(step, str) and step.isidentifier():
            here = None
        else:
            continue
        kept.append(step)
    return tuple(kept) or loc


def within(inner: Location, outer: Location) -> bool:
    """Whether a location is further in than another, beneath it."""
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def has_key(written: Any, at: Location) -> bool:
    """Whether something stands at a location."""
    for key in at:
        if not isinstance(written, dict) or key not in written:
            return False
        written = written[key]
    return True


def _length(value: Any) -> int:
    return len(value) if isinstance(value, list) else 0


def name_location(at: Location, path: Path, variables: Mapping[Location, str]) -> str:
    """Where a problem is: the variable that it comes from, or the path of the key."""
    for end in range(len(at), 0, -1):
        if at[:end] in variables:
            return variables[at[:end]]
    return f"{path.name}: {'.'.join(map(str, at))}" if at else path.name


def explain_error(
    kind: str, at: Location, message: str, platforms: Mapping[str, type[PlatformSettings]]
) -> str:
    """What is wrong, from the kind and the message of pydantic's error."""
    if kind == "extra_forbidden":
        near = nearest(str(at[-1]), _sibling_keys(at, platforms))
        hint = f"; did you mean {'.'.join(map(str, (*at[:-1], near)))}?" if near else ""
        return f"there is no such key{hint}"
    if kind == "missing":
        return "this key is missing"
    message = message.removeprefix("Input ").rstrip(".")
    return message[:1].lower() + message[1:] if not message[:2].isupper() else message


def spare_sections(merged: Mapping[str, Any], platforms: Collection[str]) -> list[str]:
    """Sections that are for no platform, and no section of another name with a slip in it."""
    known = {*Config.model_fields, *platforms}
    return [
        name
        for name, value in merged.items()
        if name not in known and isinstance(value, dict) and not nearest(name, known)
    ]


def _sibling_keys(at: Location, platforms: Mapping[str, type[PlatformSettings]]) -> frozenset[str]:
    """The keys that would be known beside the last one of a path."""
    known: set[str] = set() if at[:-1] else set(platforms)
    own = platforms.get(str(at[0]))
    for model in _models_at(own, at[1:-1]) if own is not None else _models_at(Config, at[:-1]):
        known.update(model.model_fields)
    return frozenset(known)


def _models_at(hint: Any, at: Location) -> Iterator[type[BaseModel]]:
    origin = typing.get_origin(hint)
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        if not at:
            yield hint
        elif (field := hint.model_fields.get(str(at[0]))) is not None:
            yield from _models_at(field.annotation, at[1:])
    elif origin in (typing.Union, UnionType):
        for inner in typing.get_args(hint):
            yield from _models_at(inner, at)
    elif origin is typing.Annotated:
        yield from _models_at(typing.get_args(hint)[0], at)
    elif at and origin in (dict, tuple, list):
        arguments = typing.get_args(hint)
        yield from _models_at(arguments[1] if origin is dict else arguments[0], at[1:])
