"""Every hook of the plugin system, on one screen. Hooks are synchronous and return declarations.

A plugin is a module (or object) with functions of these names, decorated with `@hookimpl`.
`docs/plugins.md` explains each with an example.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

import pluggy
from pydantic import BaseModel

from backends.base import Engine
from bot.skills.document_loader import Loader
from bot.skills.services import Services
from bot.skills.skill import Skill

PROJECT = "parlance"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_skills() -> Sequence[Skill]:  # type: ignore[empty-body]
    """Skills: commands, and answers to free text."""


@hookspec
def register_backends() -> Sequence[Engine]:  # type: ignore[empty-body]
    """Engines that config.yaml can name as `backend:`."""


@hookspec
def register_loaders() -> Sequence[Loader]:  # type: ignore[empty-body]
    """Readers of document formats."""


@hookspec
def plugin_settings() -> type[BaseModel]:  # type: ignore[empty-body]
    """The model of this plugin's section in config.yaml (`plugins.settings.<name>`)."""


@hookspec
def prompt_folders() -> Sequence[str]:  # type: ignore[empty-body]
    """Folders with prompt templates; an operator's own folder comes before them."""


@hookspec
def lifespan(services: Services) -> AbstractAsyncContextManager[None]:  # type: ignore[empty-body]
    """Entered when the bot starts, left when it stops; owns what the plugin keeps running."""


@hookspec
def forget_user(person: str) -> None:
    """A person (`platform:id`) asked to be forgotten: delete what the plugin kept of them."""
