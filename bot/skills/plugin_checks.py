"""Checks what a plugin declares, and guards the predicates in it that are called later.

A predicate of a plugin (`wants`, a command's check, `form`, `private`) is asked for every message
or for every line of /help. One that fails gives the careful answer, and its plugin is named in the
log, once.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import structlog
from pydantic import BaseModel, ValidationError

from backends.base import Engine
from backends.pool.spec import redact_value
from bot.adapters.platform import Platform
from bot.commands.checks import Check
from bot.commands.declaration import Command
from bot.config import Config, PlatformSettings
from bot.errors import PluginError
from bot.skills.document_loader import Loader
from bot.skills.skill import Skill
from bot.skills.tool import RESERVED_NAMES, AgentTool

log = structlog.get_logger(__name__)

T = TypeVar("T")

_COMMAND_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_TOOL_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_PLATFORM_NAME = re.compile(r"[a-z][a-z0-9]{0,15}(?:_[a-z0-9]{1,16})?")
_UNKNOWN_REASON = "a permission that you do not have"


def check_list(values: Any, kind: type[T], what: str) -> tuple[T, ...]:
    """Return the values of a list as a tuple. Raises `PluginError` for anything else."""
    if values is None:
        return ()
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise PluginError(f"{what} must return a list of {kind.__name__}.")
    for value in values:
        if not isinstance(value, kind):
            raise PluginError(f"{what} must hold {kind.__name__}, not {type(value).__name__}.")
    return tuple(values)


def check_settings(name: str, model: Any, given: dict[str, Any]) -> BaseModel | None:
    """Validate a plugin's section of config.yaml. Raises `PluginError` with the path of each
    mistake."""
    if model is None and given:
        raise PluginError(f"plugins.settings.{name} is given, but it has no settings.")
    if model is None:
        return None
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise PluginError("plugin_settings must return a pydantic model class.")
    try:
        settings = model.model_validate(given)
    except ValidationError as error:
        raise PluginError(_paths(f"plugins.settings.{name}", error)) from None
    settings.model_dump()  # the names of secrets are read from it, so it must not fail there
    return settings


def check_skill(skill: Skill) -> None:
    """Raise `PluginError` for a skill that would break the routing of other skills' messages."""
    what = f"skill {skill.name}"
    for command in check_list(skill.commands, Command, what):
        if not _COMMAND_NAME.fullmatch(command.name):
            raise PluginError(
                f"/{command.name}: a command's name has at most 32 of a-z, 0-9, - and _."
            )
        if command.check is not None and not callable(command.check):
            raise PluginError(f"/{command.name}: the check must be a Check.")
    for name in ("answer", "wants"):
        value = getattr(skill, name)
        if value is not None and not callable(value):
            raise PluginError(f"{what}: {name} must be a function.")
    if not isinstance(skill.priority, int | float) or skill.priority != skill.priority:
        raise PluginError(f"{what}: priority must be a number.")


def check_tool(tool: AgentTool) -> None:
    """Raise `PluginError` for a tool that no model could call."""
    if not _TOOL_NAME.fullmatch(tool.name):
        raise PluginError(f"tool {tool.name}: its name has at most 64 of a-z, 0-9, - and _.")
    if tool.name in RESERVED_NAMES:
        raise PluginError(f"tool {tool.name}: this name is taken; choose another.")
    if not callable(tool.handler):
        raise PluginError(f"tool {tool.name}: the handler must be a function.")
    schema = tool.parameters
    if not isinstance(schema, Mapping) or schema.get("type") != "object":
        raise PluginError(f"tool {tool.name}: its parameters must be a schema of type object.")
    if not tool.options and schema.get("properties"):  # it is written by hand
        from jsonschema import Draft202012Validator, SchemaError  # slow to import

        try:
            Draft202012Validator.check_schema(dict(schema))
        except SchemaError as error:
            what = f"{error.json_path}: {' '.join(error.message.split())}"
            raise PluginError(f"tool {tool.name}: its schema is wrong: {what:.200}.") from None


def check_engine(engine: Engine) -> None:
    """Raise `PluginError` for an engine that no model could be created with."""
    if not (isinstance(engine.options, type) and issubclass(engine.options, BaseModel)):
        raise PluginError(f"engine {engine.name}: options must be a class of EngineOptions.")
    if not callable(engine.create):
        raise PluginError(f"engine {engine.name}: create must be a function.")


def check_loader(loader: Loader) -> None:
    """Raise `PluginError` for a loader that would break the choice of a loader for any file."""
    for name in ("suffixes", "content_types", "names"):
        values = getattr(loader, name)
        if (
            isinstance(values, str)
            or not isinstance(values, Collection)
            or not all(isinstance(value, str) for value in values)
        ):
            raise PluginError(f"loader {loader.name}: {name} must be a set of texts.")
    if not callable(loader.load):
        raise PluginError(f"loader {loader.name}: load must be a function.")


def check_platform(platform: Platform) -> None:
    """Raise `PluginError` for a platform that could have no section in config.yaml, or that could
    not be called."""
    what = f"platform {platform.name}"
    if not isinstance(platform.name, str) or not _PLATFORM_NAME.fullmatch(platform.name):
        raise PluginError(f"{what}: a platform's name is a word of a-z and 0-9, or two with a _.")
    if platform.name in Config.model_fields:
        raise PluginError(f"{what}: config.yaml has a section of that name for something else.")
    settings = platform.settings
    if not (isinstance(settings, type) and issubclass(settings, PlatformSettings)):
        raise PluginError(f"{what}: settings must be a class of PlatformSettings.")
    if required := [n for n, field in settings.model_fields.items() if field.is_required()]:
        raise PluginError(f"{what}: settings must have a default for {', '.join(required)}.")
    for name in ("create", "manifest", "doctor", "forget"):
        value = getattr(platform, name)
        if not (callable(value) or (value is None and name != "create")):
            raise PluginError(f"{what}: {name} must be a function.")


def check_prompts(folder: str) -> None:
    """Raise `PluginError` for a folder of prompts that cannot be read, or a template in it that
    does not compile."""
    from bot.prompting.templates import JinjaPrompts  # few plugins have prompts

    JinjaPrompts([Path(folder)])


def guard_skill(skill: Skill, plugin: str) -> Skill:
    """Return a skill whose `wants` never raises."""
    if skill.wants is None:
        return skill
    return replace(skill, wants=_guarded(skill.wants, plugin, f"wants of skill {skill.name}"))


def guard_command(command: Command, plugin: str) -> Command:
    """Return a command of a plugin whose check, form and private never raise. A check that fails
    denies; where `private` fails, the answer is for the asker alone."""
    check, form, private = command.check, command.form, command.private
    if check is not None:
        test = _guarded(check, plugin, f"check of /{command.name}")
        known = check if isinstance(check, Check) else Check(test, _UNKNOWN_REASON)
        check = replace(known, test=test)
    if form is not None:
        form = _guarded(form, plugin, f"form of /{command.name}")
    if callable(private):
        private = _guarded(private, plugin, f"private of /{command.name}", when_failed=True)
    return replace(command, plugin=plugin, check=check, form=form, private=private)


def _guarded(
    predicate: Callable[..., Any], plugin: str, what: str, *, when_failed: bool = False
) -> Callable[..., bool]:
    """Return a predicate that answers `when_failed` where the given one fails, or answers neither
    yes nor no."""
    reported = False

    def ask(*asked: Any) -> bool:
        nonlocal reported
        try:
            return _truth(predicate(*asked))
        except KeyboardInterrupt:
            raise
        except BaseException:  # a plugin may raise anything; nothing is awaited here
            if not reported:
                log.exception("plugin.predicate_failed", plugin=plugin, what=what)
            reported = True
            return when_failed

    return ask


def _truth(answer: Any) -> bool:
    """Whether an answer is true. A coroutine or a function always would be, and never is meant."""
    if inspect.iscoroutine(answer):
        answer.close()
    if inspect.isawaitable(answer) or inspect.isasyncgen(answer) or callable(answer):
        raise TypeError(f"it must answer True or False at once, not with {type(answer).__name__}")
    return bool(answer)


def _paths(prefix: str, error: ValidationError) -> str:
    found = [
        ".".join([prefix, *(str(step) for step in problem["loc"])])
        + f": {redact_value(problem['msg'], problem['input'])}"
        for problem in error.errors(include_url=False)
    ]
    return "; ".join(found) + "."
