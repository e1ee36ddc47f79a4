"""Makes the adapters of the platforms that are configured, and asks platforms without serving."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from bot.adapters.platform import Platform
from bot.adapters.protocol import Adapter
from bot.errors import AdapterError, ConfigError, Failed, NotFound, nearest
from bot.installation import Installation
from bot.skills.plugin_declarations import PluginProblem


@dataclass(frozen=True, slots=True)
class CreatedAdapters:
    """The adapters to serve. `alone` says that no platform is configured, and that they are of
    those that are served only then. `problems` are platforms that could not be created."""

    adapters: Sequence[Adapter] = ()
    alone: bool = False
    problems: Sequence[PluginProblem] = ()

    def require(self) -> Sequence[Adapter]:
        """The adapters. Raises `AdapterError` where there is none, and says why."""
        if not self.adapters:
            raise AdapterError(
                "\n".join(map(str, self.problems))
                or "No platform is configured: set the token of one, or terminal.enabled."
            )
        return self.adapters


def create_adapters(here: Installation, *, conversation: str | None = None) -> CreatedAdapters:
    """Create the adapters of the platforms that are configured; others are not even imported.

    Where there is none, those that are served alone. One that cannot be created is a problem, and
    the others are served. `conversation` is the one that the operator names.
    """
    problems: list[PluginProblem] = []

    def create(platforms: Sequence[Platform]) -> list[Adapter]:
        made = (_create(platform, here, conversation, problems) for platform in platforms)
        return [adapter for adapter in made if adapter is not None]

    enabled = [p for p in here.plugins.platforms if here.config.platforms[p.name].enabled]
    if (adapters := create([p for p in enabled if not p.alone])) or problems:
        return CreatedAdapters(adapters, problems=problems)
    return CreatedAdapters(create([p for p in enabled if p.alone]), alone=True, problems=problems)


def find_platform(here: Installation, name: str) -> Platform:
    """The platform of a name. Raises `NotFound`, with the nearest."""
    known = {platform.name: platform for platform in here.plugins.platforms}
    if name not in known:
        near = nearest(name, known)
        hint = f"did you mean {near}?" if near else f"there is: {', '.join(known)}."
        raise NotFound(f"There is no platform {name}; {hint}")
    return known[name]


def print_manifest(here: Installation, name: str, url: str | None) -> str:
    """What a platform has to be told about the bot. Raises `NotFound` where it is told nothing, and
    `Failed` where its own code cannot say it."""
    platform = find_platform(here, name)
    if platform.manifest is None:
        raise NotFound(f"{name} needs to be told nothing about the bot.")
    try:
        return str(platform.manifest(here.platform_context(platform), url))
    except (AdapterError, ConfigError):
        raise
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise Failed(f"platform {name}: its manifest could not be made: {what}.") from error


def forget_hooks(here: Installation) -> Sequence[tuple[str, Callable[[str], None]]]:
    """For each platform with files of its own, its name and what deletes a person's part of them.
    The functions take a `platform:id`, and leave people of other platforms alone."""
    return [
        (platform.name, partial(_forget, platform, here))
        for platform in here.plugins.platforms
        if platform.forget is not None
    ]


def _forget(platform: Platform, here: Installation, person: str) -> None:
    name, _, ident = person.partition(":")
    if platform.forget is not None and name == platform.name:
        platform.forget(here.platform_context(platform), ident)


def _create(
    platform: Platform,
    here: Installation,
    conversation: str | None,
    problems: list[PluginProblem],
) -> Adapter | None:
    unexpected: BaseException | None = None
    try:
        adapter: Any = platform.create(here.platform_context(platform, conversation))
        if inspect.iscoroutine(adapter):
            adapter.close()
        if adapter is not None and (
            getattr(adapter, "name", None) != platform.name
            or not callable(getattr(adapter, "run", None))
        ):
            raise AdapterError(f"it must be an adapter named {platform.name} with `run`, or None")
    except (AdapterError, ConfigError) as error:
        reason = str(error)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a platform may be anybody's
        unexpected, reason = error, f"{type(error).__name__}: {error}"
    else:
        return adapter  # type: ignore[no-any-return]  # what else it lacks shows when it is served
    text = f"platform {platform.name} could not be created: {reason.rstrip('.')}."
    problems.append(PluginProblem(here.plugins.plugin_of(platform.name), text, unexpected))
    return None
