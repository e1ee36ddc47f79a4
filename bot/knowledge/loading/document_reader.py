"""Reading documents as Markdown: in a process of its own, whatever their bytes do to it.

Only small texts in UTF-8 are read here, in a thread: nobody's parser looks at them, they unfold to
nothing, and a folder of a thousand notes need not be sent to and fro.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable
from typing import TypeVar

import structlog

from backends.errors import BackendError
from backends.worker.frames import Head
from bot.config.knowledge import LoadingSettings
from bot.errors import Refused, UserFacingError
from bot.knowledge.loading.document import RawDocument, is_plain_text, load_document
from bot.knowledge.loading.process import IDLE_TIMEOUT_S, LoaderProcess
from bot.knowledge.loading.registry import LOADERS
from bot.knowledge.loading.sitemap import Sitemap
from bot.skills.document_loader import Loaded, Loader
from bot.skills.plugin_loader import Plugins

log = structlog.get_logger(__name__)
T = TypeVar("T")


class DocumentReader:
    """Reads with the loaders of plugins and those that ship."""

    def __init__(
        self,
        plugins: Plugins | None = None,
        settings: LoadingSettings | None = None,
        *,
        idle_s: float = IDLE_TIMEOUT_S,
    ) -> None:
        plugins = plugins or Plugins()
        self.loaders: tuple[Loader, ...] = (*plugins.loaders, *LOADERS)
        self._process = LoaderProcess(
            settings or LoadingSettings(), describe_plugins(plugins), idle_s=idle_s
        )

    @property
    def pid(self) -> int | None:
        """The process that reads, where there is one now."""
        return self._process.pid

    async def load(self, raw: RawDocument, *, for_search: bool = True) -> Loaded:
        """Read one document. Raises `Refused`, also for an error that nobody expected."""
        if is_plain_text(raw, self.loaders):
            work = asyncio.to_thread(load_document, raw, self.loaders, for_search=for_search)
            return await refuse_on_error(raw.title, work)
        return await refuse_on_error(raw.title, self._process.load(raw, for_search=for_search))

    async def sitemap(self, data: bytes, url: str) -> Sitemap | None:
        """What the sitemap at a URL names; None where it is none. Raises `Refused`."""
        return await refuse_on_error("The sitemap", self._process.sitemap(data, url))

    async def aclose(self) -> None:
        """End the process. Safe to call twice."""
        await self._process.aclose()


async def refuse_on_error(called: str, work: Awaitable[T]) -> T:
    """Do the work of one document; what nobody expected of it refuses this one and no other, and
    the log has it. What a model does not do is not the document's fault."""
    try:
        return await work
    except (UserFacingError, BackendError):
        raise
    except Exception as error:
        error_id = secrets.token_hex(4)
        log.error("knowledge.document_failed", error_id=error_id, exc_info=error)
        raise Refused(
            f"{called} could not be read. The operator finds more in the log under {error_id}."
        ) from error


def describe_plugins(plugins: Plugins) -> Head | None:
    """Where the process finds the loaders of plugins: the plugins that have any, and their settings
    alone; None where there are none."""
    reading = {one.name for one in plugins.descriptions if one.loaders}
    if not reading:
        return None
    sources = plugins.sources
    others = {one.name for one in plugins.descriptions} - reading
    settings = {name: sources.settings[name] for name in reading & sources.settings.keys()}
    return {
        "modules": list(sources.modules),
        "folders": [str(folder) for folder in sources.folders],
        "disabled": sorted(others.union(sources.disabled)),
        "settings": json.loads(json.dumps(settings, default=str)),
        "installed": sources.installed,
        "loaders": [loader.name for loader in plugins.loaders],
    }
