"""Reads documents as blocks in a child process, which hostile files cannot leave.

Only small UTF-8 texts are read in a thread of this process: they need no parser, and a folder of a
thousand notes need not be sent to the child.
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
from bot.catalogue.sentence import say
from bot.config.knowledge import LoadingSettings
from bot.config.pictures import PictureSettings
from bot.config.scans import ScanSettings
from bot.errors import Refused, UserFacingError
from bot.knowledge.loading.document import RawDocument, is_plain_text, load_document
from bot.knowledge.loading.pictures.reader import PictureReader
from bot.knowledge.loading.process import IDLE_TIMEOUT_S, LoaderProcess
from bot.knowledge.loading.registry import LOADERS, find_loader
from bot.knowledge.loading.scans.package import is_installed
from bot.knowledge.loading.scans.picture import PICTURE
from bot.knowledge.loading.scans.reader import ScanReader
from bot.knowledge.loading.sitemap import Sitemap
from bot.skills.document_loader import Loaded, Loader, NoText
from bot.skills.plugin_loader import Plugins
from bot.values import PicturesRead

log = structlog.get_logger(__name__)
T = TypeVar("T")


class DocumentReader:
    """Reads documents with the loaders of plugins and those that ship.

    Scanned pages, and pictures, are read by text recognition where `scans` has turned it on. The
    child processes end after `idle_s` seconds without work.
    """

    def __init__(
        self,
        plugins: Plugins | None = None,
        settings: LoadingSettings | None = None,
        scans: ScanSettings | None = None,
        *,
        pictures: PictureSettings | None = None,
        idle_s: float = IDLE_TIMEOUT_S,
    ) -> None:
        plugins = plugins or Plugins()
        self._scan_settings = scans or ScanSettings()
        self._scans: ScanReader | None = None
        self.loaders: tuple[Loader, ...] = (*plugins.loaders, *LOADERS)
        if self._scan_settings.enabled and is_installed():
            self._scans = ScanReader(self._scan_settings, idle_s=idle_s)
            self.loaders += (PICTURE,)
        self._process = LoaderProcess(
            settings or LoadingSettings(), describe_plugins(plugins), idle_s=idle_s
        )
        self._pictures = PictureReader(pictures or PictureSettings(), idle_s=idle_s)

    @property
    def pid(self) -> int | None:
        """The id of the child process, or None if none is running."""
        return self._process.pid

    @property
    def reads_scans(self) -> bool:
        """Whether text recognition is turned on and installed."""
        return self._scans is not None

    @property
    def scans_pid(self) -> int | None:
        """The id of the child process that recognises text, or None if none is running."""
        return None if self._scans is None else self._scans.pid

    async def load(self, raw: RawDocument, *, for_search: bool = True) -> Loaded:
        """Reads one document; see `load_document`. Raises `Refused`, also for unexpected errors."""
        if is_plain_text(raw, self.loaders):
            work = asyncio.to_thread(load_document, raw, self.loaders, for_search=for_search)
            return await refuse_on_error(raw.title, work)
        return await refuse_on_error(raw.title, self._load(raw, for_search=for_search))

    async def _load(self, raw: RawDocument, *, for_search: bool) -> Loaded:
        scans = self._scans if for_search or self._scan_settings.chat else None
        loader = find_loader(self.loaders, raw.name, raw.content_type)
        if scans is not None and loader is PICTURE:
            return await scans.read_picture(raw, for_search=for_search)
        try:
            loaded = await self._process.load(raw, for_search=for_search)
        except NoText as error:
            if scans is None or not error.unread_pages:
                raise
            loaded = Loaded(unread_pages=error.unread_pages)
        if scans is None or not loaded.unread_pages:
            return loaded
        return await scans.read_pages(raw, loaded, for_search=for_search)

    async def sitemap(self, data: bytes, url: str) -> Sitemap | None:
        """Reads the sitemap fetched from a URL; None if it is not one. Raises `Refused`."""
        return await refuse_on_error(say("The sitemap"), self._process.sitemap(data, url))

    async def pictures(self, name: str, data: bytes, most: int) -> PicturesRead:
        """Reads a picture, or at most `most` pictures of a document. Raises `Refused`."""
        return await refuse_on_error(name[:100], self._pictures.read(name, data, most))

    async def aclose(self) -> None:
        """Ends the child processes. Safe to call twice."""
        await self._process.aclose()
        await self._pictures.aclose()
        if self._scans is not None:
            await self._scans.aclose()


async def refuse_on_error(called: str, work: Awaitable[T]) -> T:
    """Awaits the work on one document; unexpected errors are logged and become `Refused`.

    Errors for people and errors of models (`BackendError`) are raised as they are.
    """
    try:
        return await work
    except (UserFacingError, BackendError):
        raise
    except Exception as error:
        error_id = secrets.token_hex(4)
        log.error("knowledge.document_failed", error_id=error_id, exc_info=error)
        raise Refused(
            say(
                "{called} could not be read. An admin can look it up under {error_id}.",
                called=called,
                error_id=error_id,
            )
        ) from error


def describe_plugins(plugins: Plugins) -> Head | None:
    """Describes the plugins that have loaders, for the child process to load them again.

    Only the settings of those plugins are included. Returns None if no plugin has a loader.
    """
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
