"""A fetcher that imports its HTTP client when the first page is fetched."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.web.validators import NOTHING_KNOWN, Validators

if TYPE_CHECKING:
    from bot.web.fetch import Fetched, Fetcher, FetchLimits

CLIENT_MODULE = "bot.web.fetch"
"""Its import takes a tenth of the time that Parlance takes to start."""


class LateFetcher:
    """Fetches pages as `bot.web.fetch.Fetcher` does, with the same limits and errors."""

    def __init__(self, limits: FetchLimits) -> None:
        self._limits = limits
        self._fetcher: Fetcher | None = None

    async def fetch_bytes(
        self, url: str, *, max_bytes: int | None = None, known: Validators = NOTHING_KNOWN
    ) -> Fetched:
        """Fetch one page or file. Raises `Refused` or `Failed`."""
        fetcher = await self._load()
        return await fetcher.fetch_bytes(url, max_bytes=max_bytes, known=known)

    async def addresses(self, url: str) -> Sequence[str]:
        """Return the checked addresses of a URL's host. Raises `Refused` or `Failed`."""
        return await (await self._load()).addresses(url)

    async def _load(self) -> Fetcher:
        if self._fetcher is None:
            module = await asyncio.to_thread(importlib.import_module, CLIENT_MODULE)
            self._fetcher = module.Fetcher(self._limits)
        return self._fetcher
