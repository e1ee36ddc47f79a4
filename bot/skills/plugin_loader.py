"""Loads plugins and collects what they declare; one that fails is left out and reported.

Plugins are searched for in this order: the plugins that ship, installed packages with the entry
point `parlance.plugins`, and folders that config.yaml names. Where two declare the same command,
engine or skill, the first wins and the other is reported.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar

import pluggy
import structlog
from pydantic import BaseModel, ValidationError

from backends.base import Engine
from backends.pool.spec import redact_value
from bot.commands.declaration import Command
from bot.errors import PluginError, nearest
from bot.skills import hookspecs
from bot.skills.document_loader import Loader
from bot.skills.plugin_discovery import find_plugins
from bot.skills.services import Services
from bot.skills.skill import Skill

log = structlog.get_logger(__name__)

_COMMAND_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")

Lifespan: TypeAlias = Callable[[Services], AbstractAsyncContextManager[None]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PluginProblem:
    """Something of a plugin that was left out, and the reason in one sentence."""

    plugin: str
    text: str

    def __str__(self) -> str:
        return f"plugin {self.plugin}: {self.text}"


@dataclass(frozen=True, slots=True)
class PluginDescription:
    """One plugin, for `parlance plugins list`."""

    name: str
    origin: str
    skills: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()
    loaders: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PluginSources:
    """Where plugins were searched for, and the settings from config.yaml by plugin name."""

    modules: tuple[str, ...] = ()
    folders: tuple[Path, ...] = ()
    disabled: tuple[str, ...] = ()
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    installed: bool = True


@dataclass(frozen=True, slots=True)
class Plugins:
    """Everything that the loaded plugins declared. `settings` are validated, by skill name."""

    skills: tuple[Skill, ...] = ()
    commands: tuple[Command, ...] = ()
    engines: tuple[Engine, ...] = ()
    loaders: tuple[Loader, ...] = ()
    prompt_folders: tuple[str, ...] = ()
    lifespans: tuple[tuple[str, Lifespan], ...] = ()
    forget: tuple[tuple[str, Callable[[str], None]], ...] = ()
    settings: Mapping[str, BaseModel | None] = field(default_factory=dict)
    problems: tuple[PluginProblem, ...] = ()
    descriptions: tuple[PluginDescription, ...] = ()
    sources: PluginSources = PluginSources()

    def describe(self) -> Sequence[PluginDescription]:
        """Return a description of each plugin that was found, also of those left out."""
        return self.descriptions


def load_plugins(
    shipped: Sequence[str] = (),
    *,
    folders: Sequence[Path] = (),
    disabled: Sequence[str] = (),
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    installed: bool = True,
) -> Plugins:
    """Load the plugins: modules named in `shipped`, installed ones, and those in `folders`.

    Does not raise for a plugin that fails: see `Plugins.problems`.
    """
    collector = _PluginCollector(settings or {})
    for name, origin, load in find_plugins(shipped, folders, installed):
        if name not in disabled:
            collector.take(name, origin, load)
    found = PluginSources(
        tuple(shipped), tuple(folders), tuple(disabled), settings or {}, installed
    )
    return replace(collector.result(), sources=found)


@dataclass(frozen=True, slots=True)
class _Declarations:
    """The checked return values of one plugin's hooks."""

    settings: BaseModel | None
    skills: tuple[Skill, ...]
    engines: tuple[Engine, ...]
    loaders: tuple[Loader, ...]
    folders: tuple[str, ...]


class _PluginCollector:
    """Collects the declarations of plugins, one plugin after another."""

    def __init__(self, settings: Mapping[str, Mapping[str, Any]]) -> None:
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._given = settings
        self._skills: dict[str, Skill] = {}
        self._commands: dict[str, Command] = {}
        self._engines: dict[str, Engine] = {}
        self._loaders: list[Loader] = []
        self._folders: list[str] = []
        self._lifespans: list[tuple[str, Lifespan]] = []
        self._forget: list[tuple[str, Callable[[str], None]]] = []
        self._settings: dict[str, BaseModel | None] = {}
        self._problems: list[PluginProblem] = []
        self._descriptions: dict[str, PluginDescription] = {}

    def take(self, name: str, origin: str, load: Callable[[], Any]) -> None:
        """Load one plugin completely or not at all, except for duplicate declarations."""
        if name in self._descriptions:
            self._report(name, f"there are two of this name; the one at {origin} was left out.")
            return
        self._descriptions[name] = PluginDescription(name, origin)
        try:
            plugin = load()
            self._register(name, plugin)
            declared = self._declared(name, plugin)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
            self._leave_out(name, error)
        else:
            self._add(name, plugin, declared)

    def result(self) -> Plugins:
        """Return everything that was collected."""
        for name in self._given:
            if name not in self._descriptions:
                near = nearest(name, self._descriptions)
                hint = f" Did you mean {near}?" if near else ""
                self._report(name, f"plugins.settings.{name} is for no plugin.{hint}")
        problems = {
            name: tuple(p.text for p in self._problems if p.plugin == name)
            for name in self._descriptions
        }
        return Plugins(
            skills=tuple(self._skills.values()),
            commands=tuple(self._commands.values()),
            engines=tuple(self._engines.values()),
            loaders=tuple(self._loaders),
            prompt_folders=tuple(self._folders),
            lifespans=tuple(self._lifespans),
            forget=tuple(self._forget),
            settings=MappingProxyType(self._settings),
            problems=tuple(self._problems),
            descriptions=tuple(
                replace(d, problems=problems[d.name]) for d in self._descriptions.values()
            ),
        )

    # --- one plugin -----------------------------------------------------------------------------

    def _register(self, name: str, plugin: Any) -> None:
        try:
            self._manager.register(plugin, name)
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise PluginError(_first_line(error)) from error
        if not self._manager.get_hookcallers(plugin):
            raise PluginError("it has no hooks; decorate its functions with @hookimpl.")

    def _declared(self, name: str, plugin: Any) -> _Declarations:
        """Call the plugin's hooks and check what they return. Raises `PluginError`."""
        given = self._given.get(name)
        model = self._call(plugin, "plugin_settings")
        if model is None and given:
            raise PluginError(f"plugins.settings.{name} is given, but it has no settings.")
        if model is not None and not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise PluginError("plugin_settings must return a pydantic model class.")
        try:
            settings = model.model_validate(dict(given or {})) if model is not None else None
        except ValidationError as error:
            raise PluginError(_paths(f"plugins.settings.{name}", error)) from None
        declared = _Declarations(
            settings,
            _all(self._call(plugin, "register_skills"), Skill, "register_skills"),
            _all(self._call(plugin, "register_backends"), Engine, "register_backends"),
            _all(self._call(plugin, "register_loaders"), Loader, "register_loaders"),
            _all(self._call(plugin, "prompt_folders"), str, "prompt_folders"),
        )
        for skill in declared.skills:
            for command in _all(skill.commands, Command, f"skill {skill.name}"):
                if not _COMMAND_NAME.fullmatch(command.name):
                    raise PluginError(
                        f"/{command.name}: a command's name has at most 32 of a-z, 0-9, - and _."
                    )
        return declared

    def _call(self, plugin: Any, hook: str, **arguments: Any) -> Any:
        for caller in self._manager.get_hookcallers(plugin) or ():
            for implementation in caller.get_hookimpls():
                if caller.name == hook and implementation.plugin is plugin:
                    values = [arguments[name] for name in implementation.argnames]
                    return implementation.function(*values)
        return None

    def _has(self, plugin: Any, hook: str) -> bool:
        callers = self._manager.get_hookcallers(plugin) or ()
        return any(caller.name == hook for caller in callers)

    def _add(self, name: str, plugin: Any, declared: _Declarations) -> None:
        skills = [skill for s in declared.skills if (skill := self._skill(name, s)) is not None]
        engines = [
            e for e in declared.engines if self._first(name, self._engines, e.name, e, "engine")
        ]
        for skill in skills:
            self._settings[skill.name] = declared.settings
        self._loaders += declared.loaders
        self._folders += declared.folders
        if self._has(plugin, "lifespan"):
            self._lifespans.append((name, lambda s: self._call(plugin, "lifespan", services=s)))
        if self._has(plugin, "forget_user"):
            self._forget.append((name, lambda p: self._call(plugin, "forget_user", person=p)))
        self._descriptions[name] = replace(
            self._descriptions[name],
            skills=tuple(skill.name for skill in skills),
            commands=tuple(c.name for skill in skills for c in skill.commands),
            engines=tuple(engine.name for engine in engines),
            loaders=tuple(loader.name for loader in declared.loaders),
        )

    def _skill(self, name: str, skill: Skill) -> Skill | None:
        """Add a skill with those of its commands whose names are free; None if its own is taken."""
        if not self._first(name, self._skills, skill.name, skill, "skill"):
            return None
        commands = [replace(command, plugin=name) for command in skill.commands]
        kept = [c for c in commands if self._first(name, self._commands, c.name, c, "command")]
        self._skills[skill.name] = replace(skill, commands=tuple(kept))
        return self._skills[skill.name]

    def _first(self, name: str, known: dict[str, T], key: str, value: T, what: str) -> bool:
        if key in known:
            self._report(name, f"there is a {what} {key!r} already; this one was left out.")
            return False
        known[key] = value
        return True

    def _leave_out(self, name: str, error: BaseException) -> None:
        if self._manager.has_plugin(name):
            self._manager.unregister(name=name)
        if isinstance(error, PluginError):
            self._report(name, str(error))
        else:
            self._report(name, f"it could not be loaded: {type(error).__name__}: {error}")
            log.warning("plugin.load_failed", plugin=name, exc_info=error)

    def _report(self, plugin: str, text: str) -> None:
        self._problems.append(PluginProblem(plugin, text))


def _all(values: Any, kind: type[T], what: str) -> tuple[T, ...]:
    if values is None:
        return ()
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise PluginError(f"{what} must return a list of {kind.__name__}.")
    for value in values:
        if not isinstance(value, kind):
            raise PluginError(f"{what} must hold {kind.__name__}, not {type(value).__name__}.")
    return tuple(values)


def _paths(prefix: str, error: ValidationError) -> str:
    found = [
        ".".join([prefix, *(str(step) for step in problem["loc"])])
        + f": {redact_value(problem['msg'], problem['input'])}"
        for problem in error.errors(include_url=False)
    ]
    return "; ".join(found) + "."


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())
