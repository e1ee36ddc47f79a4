"""What the loaded plugins declared, and what of them was left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import BaseModel

from backends.base import Engine
from bot.adapters.platform import Platform
from bot.commands.declaration import Command
from bot.skills.document_loader import Loader
from bot.skills.services import Services
from bot.skills.skill import Skill
from bot.skills.tool import AgentTool

Lifespan: TypeAlias = Callable[[Services], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class PluginProblem:
    """Something of a plugin that was left out, and the reason in one sentence."""

    plugin: str
    text: str
    error: BaseException | None = field(default=None, compare=False, repr=False)
    """What was raised, for the log; None where the sentence says everything."""
    tool: str = ""
    """The tool that was left out, where it is one."""

    def __str__(self) -> str:
        return f"plugin {self.plugin}: {self.text}"


@dataclass(frozen=True, slots=True)
class PluginDescription:
    """One plugin, for `parlance plugins list`."""

    name: str
    origin: str
    skills: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()
    loaders: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def declares(self) -> bool:
        """Whether anything of it is in effect."""
        return bool(self.skills or self.tools or self.engines or self.loaders or self.platforms)


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
    tools: tuple[AgentTool, ...] = ()
    engines: tuple[Engine, ...] = ()
    loaders: tuple[Loader, ...] = ()
    platforms: tuple[Platform, ...] = ()
    prompt_folders: tuple[str, ...] = ()
    language_folders: tuple[str, ...] = ()
    lifespans: tuple[tuple[str, Lifespan], ...] = ()
    forget: tuple[tuple[str, Callable[[str], None]], ...] = ()
    settings: Mapping[str, BaseModel | None] = field(default_factory=dict)
    problems: tuple[PluginProblem, ...] = ()
    descriptions: tuple[PluginDescription, ...] = ()
    sources: PluginSources = PluginSources()

    def describe(self) -> Sequence[PluginDescription]:
        """Return a description of each plugin that was found, also of those left out."""
        return self.descriptions

    @property
    def left_out(self) -> Sequence[str]:
        """The names of the plugins that failed, or are disabled, without those that ship."""
        shipped = {module.rpartition(".")[2] for module in self.sources.modules}
        failed = {one.name for one in self.descriptions if one.problems and not one.declares}
        return sorted({*failed, *self.sources.disabled} - shipped)

    def plugin_of(self, platform: str) -> str:
        """The name of the plugin that a platform comes from."""
        owners = (one.name for one in self.descriptions if platform in one.platforms)
        return next(owners, platform)

    def without_skills(self, failed: Sequence[PluginProblem]) -> Plugins:
        """Return the plugins without the skills of those that failed, whose problems are added.

        What runs outside of a plugin's lifespan stays: engines, loaders, prompts, `forget_user`.
        """
        names = {problem.plugin for problem in failed}
        gone = {skill for one in self.descriptions if one.name in names for skill in one.skills}
        return replace(
            self,
            skills=tuple(skill for skill in self.skills if skill.name not in gone),
            commands=tuple(one for one in self.commands if one.plugin not in names),
            tools=tuple(one for one in self.tools if one.plugin not in names),
            problems=(*self.problems, *failed),
        )
