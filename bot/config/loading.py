"""Loads config.yaml and the environment, and reports every problem by its path."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from backends.pool.spec import redact_value
from bot.config.base import PlatformSettings
from bot.config.core import PluginSettings
from bot.config.moved_keys import take_moved_keys
from bot.config.platforms import SHIPPED_SECTIONS
from bot.config.problems import (
    Location,
    explain_error,
    has_key,
    keys_only,
    name_location,
    spare_sections,
    within,
)
from bot.config.root import Config, find_contradictions
from bot.config.secrets import TOKEN_SHAPES, is_secret_name, read_environment
from bot.config.yaml_file import parse, read_file, text_keys
from bot.errors import ConfigError, nearest

PREFIX = "PARLANCE_"
"""`PARLANCE_LIMITS__MAX_QUEUE=8` overrides `limits.max_queue`."""

RESERVED = frozenset({"PARLANCE_CONFIG", "PARLANCE_DATABASE_URL", "PARLANCE_SECRET_KEY"})
"""Variables with the prefix that are no keys of config.yaml."""

_UNKNOWN = {"type": "extra_forbidden", "msg": "", "input": None}
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")


@dataclass(frozen=True, slots=True)
class WrittenConfig:
    """What config.yaml, `.env` and the environment say, before it is known what may stand there.

    The platforms have sections in it, and which platforms there are is known when the plugins are
    loaded, which it names, too. `base` is the folder of `.env` and of relative paths.
    """

    path: Path
    base: Path
    values: Mapping[str, Any] = field(repr=False)
    environ: Mapping[str, str] = field(repr=False)

    @classmethod
    def read(
        cls, path: Path, environ: Mapping[str, str] | None = None, *, base: Path | None = None
    ) -> WrittenConfig:
        """Read the files and the environment (the process's by default). Raises `ConfigError`."""
        base = base or path.parent
        return cls(path, base, read_file(path), read_environment(base / ".env", environ))

    def plugins(self) -> PluginSettings:
        """The section `plugins`, or its defaults where `validate` will refuse it."""
        said = _merge_overrides(self.values, _values(self._overrides(("plugins",))))
        try:
            return PluginSettings.model_validate(said.get("plugins", {}), context=self._context)
        except ValidationError:
            return PluginSettings()

    def validate(
        self, platforms: Mapping[str, type[PlatformSettings]], left_out: Sequence[str] = ()
    ) -> Config:
        """Check everything, with these platforms' sections. Raises `ConfigError` with one line for
        each problem; no line holds a value that was given.

        `left_out` are plugins that are not loaded: a section that may be for one of them is only
        remarked on.
        """
        overrides = self._overrides((*Config.model_fields, *platforms))
        merged = _merge_overrides(self.values, _values(overrides))
        problems = dict(_find_misplaced_secrets(merged))
        moved = take_moved_keys(merged)
        problems.update(moved.problems)
        remarks = list(moved.remarks)
        spare = spare_sections(merged, platforms)
        core = {name: value for name, value in merged.items() if name not in spare}
        config, sections, errors = _validated(core, platforms, self._context)
        if left_out:
            who = ", ".join(left_out)
            remarks += [f"{name} is for no platform; left out were: {who}." for name in spare]
        elif not any(error["loc"][0] == "plugins" for error in errors):
            errors += [{"loc": (name,), **_UNKNOWN} for name in spare]
        for error in errors:
            if any(within(other["loc"], error["loc"]) for other in errors):
                continue  # it only follows from one further in
            at = keys_only(error["loc"], merged)
            at = moved.origins.get(at, at)
            if not any(at[: len(bad)] == bad for bad in problems):
                said = redact_value(error["msg"], error["input"])
                problems[at] = explain_error(error["type"], at, said, platforms)
        if config is not None:
            for where, what in find_contradictions(config):
                problems.setdefault(tuple(where.split(".")), what)
        if problems or config is None:
            variables = _variables(overrides, self.values)
            raise ConfigError(
                "\n".join(
                    f"{name_location(at, self.path, variables)}: {what}"
                    f"{'' if what.endswith('?') else '.'}"
                    for at, what in problems.items()
                )
            )
        config._platforms = sections
        config._remarks = tuple(remarks)
        return config

    @property
    def _context(self) -> dict[str, Path]:
        return {"root": self.base.resolve()}

    def _overrides(self, sections: Collection[str]) -> dict[Location, tuple[str, Any]]:
        return _environment_overrides(self.environ, sections)


def load(
    path: Path,
    environ: Mapping[str, str] | None = None,
    *,
    base: Path | None = None,
    platforms: Mapping[str, type[PlatformSettings]] = SHIPPED_SECTIONS,
) -> Config:
    """Read config.yaml, the file `.env` and the environment, with the sections of `platforms`.

    Raises `ConfigError`, as `WrittenConfig.validate` does.
    """
    return WrittenConfig.read(path, environ, base=base).validate(platforms)


def _validated(
    merged: Mapping[str, Any],
    platforms: Mapping[str, type[PlatformSettings]],
    context: Mapping[str, Path],
) -> tuple[Config | None, dict[str, PlatformSettings], list[Any]]:
    """The core's sections, those of the platforms, and pydantic's errors in either."""
    sections: dict[str, PlatformSettings] = {}
    errors: list[Any] = []
    config = None
    core = {name: value for name, value in merged.items() if name not in platforms}
    try:
        config = Config.model_validate(core, context=context)
    except ValidationError as exc:
        errors += exc.errors(include_url=False)
    for name, model in platforms.items():
        try:
            section = model.model_validate(merged.get(name, {}), context=context)
            section.model_dump_json()  # secrets are found in it, and a change is noticed by it
            section.workspaces  # noqa: B018 - so that it fails here, and not when it is served
            sections[name] = section
        except ValidationError as exc:
            found = exc.errors(include_url=False)
            errors += [{**error, "loc": (name, *error["loc"])} for error in found]
        except Exception as exc:  # noqa: BLE001 - a platform may be anybody's
            said = f"cannot be checked ({type(exc).__name__})"
            errors.append({"loc": (name,), "type": "failed", "msg": said, "input": None})
    return config, sections, errors


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


def _environment_overrides(
    variables: Mapping[str, str], sections: Collection[str]
) -> dict[Location, tuple[str, Any]]:
    """Keys of config.yaml that the environment sets, each with its variable's name.

    A variable whose first word is none of `sections` is somebody else's, unless it is nearly
    one: then it is taken for a typo and refused with the rest.
    """
    found: dict[Location, tuple[str, Any]] = {}
    for name, text in sorted(variables.items()):
        if not name.startswith(PREFIX) or name in RESERVED:
            continue
        at = tuple(name.removeprefix(PREFIX).lower().split("__"))
        if at[0] in sections or nearest(at[0], sections):
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


def _values(overrides: Mapping[Location, tuple[str, Any]]) -> dict[Location, Any]:
    return {at: value for at, (_, value) in overrides.items()}


def _variables(
    overrides: Mapping[Location, tuple[str, Any]], written: Mapping[str, Any]
) -> dict[Location, str]:
    """The variable that each key comes from, and each mapping that config.yaml does not have."""
    return {
        at[:end]: name
        for at, (name, _) in overrides.items()
        for end in range(1, len(at) + 1)
        if end == len(at) or not has_key(written, at[:end])
    }


def _merge_overrides(written: Mapping[str, Any], given: Mapping[Location, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = text_keys(written)
    for at, value in given.items():
        here = merged
        for key in at[:-1]:
            inner = here.get(str(key))
            here[str(key)] = inner = inner if isinstance(inner, dict) else {}
            here = inner
        here[str(at[-1])] = value
    return merged
