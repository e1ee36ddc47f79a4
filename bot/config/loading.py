"""Loads config.yaml and the environment, and reports every problem by its path."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from backends.pool.spec import redact_value
from bot.config.moved_keys import take_moved_keys
from bot.config.root import Config, find_contradictions
from bot.config.secrets import TOKEN_SHAPES, is_secret_name, read_environment
from bot.config.yaml_file import parse, read_file, text_keys
from bot.errors import ConfigError, nearest

PREFIX = "PARLANCE_"
"""`PARLANCE_LIMITS__MAX_QUEUE=8` overrides `limits.max_queue`."""

RESERVED = frozenset({"PARLANCE_CONFIG"})
"""Variables with the prefix that are no keys of config.yaml."""

_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
Location = tuple[str | int, ...]


def load(
    path: Path, environ: Mapping[str, str] | None = None, *, base: Path | None = None
) -> Config:
    """Read config.yaml, the file `.env` and the environment (the process's by default).

    `base` is the folder of `.env` and of relative paths, that of config.yaml by default. Raises
    `ConfigError` with one line for each problem. No line holds a value that was given.
    """
    written = read_file(path)
    base = base or path.parent
    given = _environment_overrides(read_environment(base / ".env", environ))
    merged = _merge_overrides(written, {at: value for at, (_, value) in given.items()})
    variables = {
        at[:end]: name
        for at, (name, _) in given.items()
        for end in range(1, len(at) + 1)
        if end == len(at) or not _has(written, at[:end])
    }

    problems = dict(_find_misplaced_secrets(merged))
    moved = take_moved_keys(merged)
    problems.update(moved.problems)
    try:
        config = Config.model_validate(merged, context={"root": base.resolve()})
    except ValidationError as exc:
        errors = exc.errors(include_url=False)
        for error in errors:
            if any(_within(other["loc"], error["loc"]) for other in errors):
                continue  # it only follows from one further in
            at = _keys_only(error["loc"], merged)
            at = moved.origins.get(at, at)
            if not any(at[: len(bad)] == bad for bad in problems):
                said = redact_value(error["msg"], error["input"])
                problems[at] = _explain_error(error["type"], at, said)
    else:
        for where, what in find_contradictions(config):
            problems.setdefault(tuple(where.split(".")), what)
    if problems:
        raise ConfigError(
            "\n".join(
                f"{_name_location(at, path, variables)}: {what}{'' if what.endswith('?') else '.'}"
                for at, what in problems.items()
            )
        )
    config._remarks = tuple(moved.remarks)
    return config


# --- what stands in the wrong place ---------------------------------------------------------------


def _find_misplaced_secrets(value: Any, at: Location = ()) -> Iterator[tuple[Location, str]]:
    """Find secrets that were written into config.yaml."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if TOKEN_SHAPES.search(str(key)):
                yield at, "a key looks like a secret; secrets go into .env or the environment"
            else:
                yield from _find_misplaced_secrets(inner, (*at, str(key)))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _find_misplaced_secrets(inner, (*at, index))
    elif isinstance(value, str) and value:
        named = bool(at) and is_secret_name(str(at[-1])) and not _VARIABLE.fullmatch(value)
        if named or TOKEN_SHAPES.search(value):
            yield (
                at,
                "secrets go into a variable of their own, in .env or the environment, not here",
            )


# --- the environment -----------------------------------------------------------------------------


def _environment_overrides(variables: Mapping[str, str]) -> dict[Location, tuple[str, Any]]:
    """Keys of config.yaml that the environment sets, each with its variable's name.

    A variable whose first word is no key of config.yaml is somebody else's, unless it is nearly
    one: then it is taken for a typo and refused with the rest.
    """
    found: dict[Location, tuple[str, Any]] = {}
    for name, text in sorted(variables.items()):
        if not name.startswith(PREFIX) or name in RESERVED:
            continue
        at = tuple(name.removeprefix(PREFIX).lower().split("__"))
        if at[0] in Config.model_fields or nearest(at[0], Config.model_fields):
            found[at] = (name, _parse_value(text))
    return found


def _parse_value(text: str) -> Any:
    """Lists and mappings as in YAML; empty and `null` mean nothing; the rest is text."""
    text = text.strip()
    if text in {"", "null"}:
        return None
    if text[0] in "[{":
        try:
            return parse(text)
        except (yaml.YAMLError, ValueError):
            return text
    return text


def _merge_overrides(written: dict[str, Any], given: Mapping[Location, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = text_keys(written)
    for at, value in given.items():
        here = merged
        for key in at[:-1]:
            inner = here.get(str(key))
            here[str(key)] = inner = inner if isinstance(inner, dict) else {}
            here = inner
        here[str(at[-1])] = value
    return merged


# --- the words -----------------------------------------------------------------------------------


def _keys_only(loc: Location, written: Any) -> Location:
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


def _within(inner: Location, outer: Location) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _has(written: Any, at: Location) -> bool:
    for key in at:
        if not isinstance(written, dict) or key not in written:
            return False
        written = written[key]
    return True


def _length(value: Any) -> int:
    return len(value) if isinstance(value, list) else 0


def _name_location(at: Location, path: Path, variables: Mapping[Location, str]) -> str:
    for end in range(len(at), 0, -1):
        if at[:end] in variables:
            return variables[at[:end]]
    return f"{path.name}: {'.'.join(map(str, at))}" if at else path.name


def _explain_error(kind: str, at: Location, message: str) -> str:
    if kind == "extra_forbidden":
        near = nearest(str(at[-1]), _sibling_keys(at))
        hint = f"; did you mean {'.'.join(map(str, (*at[:-1], near)))}?" if near else ""
        return f"there is no such key{hint}"
    if kind == "missing":
        return "this key is missing"
    message = message.removeprefix("Input ").rstrip(".")
    return message[:1].lower() + message[1:] if not message[:2].isupper() else message


def _sibling_keys(at: Location) -> frozenset[str]:
    """The keys that would be known beside the last one of a path."""
    known: set[str] = set()
    for model in _models_at(Config, at[:-1]):
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
