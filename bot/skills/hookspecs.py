"""All hooks of the plugin system. Hooks are synchronous and return declarations.

A plugin is a module (or object) with functions of these names, decorated with `@hookimpl`.
`docs/plugins.md` explains each with an example.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

import pluggy
from pydantic import BaseModel

from backends.base import Engine
from bot.adapters.platform import Platform
from bot.skills.document_loader import Loader
from bot.skills.services import Services
from bot.skills.skill import Skill
from bot.skills.tool import AgentTool

PROJECT = "parlance"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function of a plugin as the implementation of the hook of the same name."""


@hookspec
def register_skills() -> Sequence[Skill]:  # type: ignore[empty-body]
    """Return the skills: commands, and answers to free text."""


@hookspec
def register_tools() -> Sequence[AgentTool]:  # type: ignore[empty-body]
    """Return tools that a model may have called for the person who asks."""


@hookspec
def register_backends() -> Sequence[Engine]:  # type: ignore[empty-body]
    """Return engines that config.yaml can name as `backend:`."""


@hookspec
def register_loaders() -> Sequence[Loader]:  # type: ignore[empty-body]
    """Return loaders of document formats."""


@hookspec
def register_platforms() -> Sequence[Platform]:  # type: ignore[empty-body]
    """Return chat platforms, each with a section of its own in config.yaml."""


@hookspec
def plugin_settings() -> type[BaseModel]:  # type: ignore[empty-body]
    """Return the model of the plugin's section in config.yaml (`plugins.settings.<name>`)."""


@hookspec
def prompt_folders() -> Sequence[str]:  # type: ignore[empty-body]
    """Return folders with prompt templates; the operator's own folder takes precedence."""


@hookspec
def language_folders() -> Sequence[str]:  # type: ignore[empty-body]
    """Return folders with languages (`de.po`) for what the plugin, or the bot itself, says."""


@hookspec
def lifespan(services: Services) -> AbstractAsyncContextManager[None]:  # type: ignore[empty-body]
    """Return a context manager that is entered when the bot starts and left when it stops."""


@hookspec
def forget_user(person: str) -> None:
    """Delete what the plugin stored about a person (`platform:id`). Runs in a thread."""
