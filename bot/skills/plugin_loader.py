"""Loads plugins and collects what they declare; one that fails is left out and reported.

Plugins are searched for in this order: the plugins that ship, installed packages with the entry
point `parlance.plugins`, and folders that config.yaml names. Where two declare the same command,
engine, platform or skill, the first wins and the other is reported.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import pluggy
from pydantic import BaseModel

from backends.base import Engine
from bot.adapters.platform import Platform
from bot.commands.declaration import Command
from bot.errors import PluginError, nearest
from bot.skills import hookspecs
from bot.skills.document_loader import Loader
from bot.skills.plugin_checks import (
    check_engine,
    check_list,
    check_loader,
    check_platform,
    check_prompts,
    check_settings,
    check_skill,
    check_tool,
    guard_command,
    guard_skill,
)
from bot.skills.plugin_declarations import (
    Lifespan,
    PluginDescription,
    PluginProblem,
    Plugins,
    PluginSources,
)
from bot.skills.plugin_discovery import find_plugins
from bot.skills.plugin_manager import PluginManager
from bot.skills.skill import Skill
from bot.skills.tool import AgentTool, tool_of, with_settings

__all__ = ["PluginProblem", "Plugins", "load_plugins"]

_ORDER_MARKS = ("tryfirst", "trylast", "hookwrapper", "wrapper")

T = TypeVar("T")


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
    tools: tuple[AgentTool, ...]
    engines: tuple[Engine, ...]
    loaders: tuple[Loader, ...]
    platforms: tuple[Platform, ...]
    folders: tuple[str, ...]
    languages: tuple[str, ...]


class _PluginCollector:
    """Collects the declarations of plugins, one plugin after another."""

    def __init__(self, settings: Mapping[str, Mapping[str, Any]]) -> None:
        self._manager = PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._given = settings
        self._skills: dict[str, Skill] = {}
        self._commands: dict[str, Command] = {}
        self._tools: dict[str, AgentTool] = {}
        self._engines: dict[str, Engine] = {}
        self._loaders: list[Loader] = []
        self._platforms: dict[str, Platform] = {}
        self._folders: list[str] = []
        self._languages: list[str] = []
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
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a plugin may raise anything
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
            tools=tuple(self._tools.values()),
            engines=tuple(self._engines.values()),
            loaders=tuple(self._loaders),
            platforms=tuple(self._platforms.values()),
            prompt_folders=tuple(self._folders),
            language_folders=tuple(self._languages),
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
        callers = self._manager.get_hookcallers(plugin)
        if not callers:
            raise PluginError("it has no hooks; decorate its functions with @hookimpl.")
        for caller in callers:
            for implementation in caller.get_hookimpls():
                if implementation.plugin is plugin:
                    _refuse_order(caller.name, implementation)

    def _declared(self, name: str, plugin: Any) -> _Declarations:
        """Call the plugin's hooks and check what they return. Raises `PluginError`."""
        given = dict(self._given.get(name) or {})

        def declared(hook: str, kind: type[T]) -> tuple[T, ...]:
            return check_list(self._call(plugin, hook), kind, hook)

        found = _Declarations(
            check_settings(name, self._call(plugin, "plugin_settings"), given),
            declared("register_skills", Skill),
            declared("register_tools", AgentTool),
            declared("register_backends", Engine),
            declared("register_loaders", Loader),
            declared("register_platforms", Platform),
            declared("prompt_folders", str),
            declared("language_folders", str),
        )
        for skill in found.skills:
            check_skill(skill)
        for engine in found.engines:
            check_engine(engine)
        for loader in found.loaders:
            check_loader(loader)
        for platform in found.platforms:
            check_platform(platform)
        for folder in found.folders:
            check_prompts(folder)
        return found

    def _call(self, plugin: Any, hook: str, **arguments: Any) -> Any:
        for caller in self._manager.get_hookcallers(plugin) or ():
            for implementation in caller.get_hookimpls():
                if caller.name == hook and implementation.plugin is plugin:
                    values = [arguments[name] for name in implementation.argnames]
                    return implementation.function(*values)
        return None

    def _call_forget(self, plugin: Any, person: str) -> None:
        try:
            self._call(plugin, "forget_user", person=person)
        except (asyncio.CancelledError, SystemExit) as error:
            # raised from a thread, either would end the task that waits for it
            raise PluginError(f"forget_user raised {type(error).__name__}.") from error

    def _has(self, plugin: Any, hook: str) -> bool:
        callers = self._manager.get_hookcallers(plugin) or ()
        return any(caller.name == hook for caller in callers)

    def _add(self, name: str, plugin: Any, declared: _Declarations) -> None:
        skills = [skill for s in declared.skills if (skill := self._skill(name, s)) is not None]
        offered = [tool_of(c) for s in skills for c in s.commands if c.tool]
        offered += [replace(one, plugin=name) for one in declared.tools]
        sound = [t for t in offered if self._is_sound(name, t)]
        tools = [with_settings(t, declared.settings) for t in sound]
        tools = [t for t in tools if self._first(name, self._tools, t.name, t, "tool")]
        engines = [
            e for e in declared.engines if self._first(name, self._engines, e.name, e, "engine")
        ]
        platforms = [
            p
            for p in declared.platforms
            if self._first(name, self._platforms, p.name, p, "platform")
        ]
        for skill in skills:
            self._settings[skill.name] = declared.settings
        self._loaders += declared.loaders
        self._folders += declared.folders
        self._languages += declared.languages
        if self._has(plugin, "lifespan"):
            self._lifespans.append((name, lambda s: self._call(plugin, "lifespan", services=s)))
        if self._has(plugin, "forget_user"):
            self._forget.append((name, lambda person: self._call_forget(plugin, person)))
        self._descriptions[name] = replace(
            self._descriptions[name],
            skills=tuple(skill.name for skill in skills),
            commands=tuple(c.name for skill in skills for c in skill.commands),
            tools=tuple(one.name for one in tools),
            engines=tuple(engine.name for engine in engines),
            loaders=tuple(loader.name for loader in declared.loaders),
            platforms=tuple(platform.name for platform in platforms),
        )

    def _skill(self, name: str, skill: Skill) -> Skill | None:
        """Add a skill with those of its commands whose names are free; None if its own is taken."""
        if not self._first(name, self._skills, skill.name, skill, "skill"):
            return None
        commands = [guard_command(command, name) for command in skill.commands]
        kept = [c for c in commands if self._first(name, self._commands, c.name, c, "command")]
        self._skills[skill.name] = replace(guard_skill(skill, name), commands=tuple(kept))
        return self._skills[skill.name]

    def _is_sound(self, name: str, tool: AgentTool) -> bool:
        """Whether a model could call a tool; one that is wrong is left out alone."""
        try:
            check_tool(tool)
        except PluginError as error:
            self._problems.append(PluginProblem(name, str(error), tool=str(tool.name)))
            return False
        return True

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
            said = f"it could not be loaded: {type(error).__name__}: {error}"
            self._report(name, said, error)

    def _report(self, plugin: str, text: str, error: BaseException | None = None) -> None:
        self._problems.append(PluginProblem(plugin, text, error))


def _refuse_order(hook: str, implementation: pluggy.HookImpl) -> None:
    """Raise `PluginError` for a hook that asks for another order than that of the plugins."""
    for mark in _ORDER_MARKS:
        if getattr(implementation, mark):
            raise PluginError(
                f"{hook} is marked {mark}, which has no effect here: hooks are called in the order "
                "in which plugins are found. Write @hookimpl alone."
            )


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())
