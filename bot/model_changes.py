"""Takes models that were added to config.yaml into a running bot, without a restart."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import structlog

from backends.errors import SpecError
from backends.registry import load_engines
from bot.app import App
from bot.config import Config, WrittenConfig
from bot.errors import ConfigError
from bot.installation import base_folder
from bot.models.selection import ModelService

log = structlog.get_logger(__name__)

_OF_MODELS = frozenset({"models", "default_model"})


async def take_models(app: App) -> dict[str, Any]:
    """Serve the models that config.yaml has now and had not at the start, and make its
    `default_model` the default.

    Returns the names that were `added`, those of which the entry is another and which only a
    restart can change (`changed`), and the `default`. Raises `ConfigError`, and then nothing has
    changed.
    """
    models = app.services.models
    if not isinstance(models, ModelService):
        raise ConfigError("The models of this bot cannot be changed while it runs.")
    config = await asyncio.to_thread(_read, app)
    served = models.specs()
    engines = {one.name: one for one in app.plugins.engines}
    wanted = {replica.backend for spec in config.models.values() for replica in spec.replicas}
    engines |= await asyncio.to_thread(load_engines, wanted - engines.keys())
    added, changed = [], []
    for name, spec in config.models.items():
        if name not in served:
            try:
                models.add(name, spec, engines)
            except SpecError as error:
                raise ConfigError("\n".join(error.problems)) from None
            added.append(name)
        elif served[name] != spec:
            changed.append(name)
    await models.set_default(config.default_model)
    if not changed and _same_elsewhere(config, app.installation.config):
        app.taken["configuration"] = replace(app.installation, config=config).fingerprint
    log.info("models.taken", added=added, changed=changed, default=config.default_model)
    return {"added": added, "changed": changed, "default": config.default_model}


def _read(app: App) -> Config:
    here = app.installation
    written = WrittenConfig.read(here.path, base=base_folder(here.path))
    sections = {platform.name: platform.settings for platform in here.plugins.platforms}
    return written.validate(sections, here.plugins.left_out)


def _same_elsewhere(one: Config, other: Config) -> bool:
    """Whether two configurations differ in their models at most."""
    said = [
        (
            config.model_dump(mode="json", exclude=set(_OF_MODELS)),
            {name: section.model_dump(mode="json") for name, section in config.platforms.items()},
        )
        for config in (one, other)
    ]
    return said[0] == said[1]
