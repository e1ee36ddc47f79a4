"""A fetcher that imports its HTTP client when the first page is fetched."""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.web.fetch import Fetched, Fetcher, FetchLimits

CLIENT_MODULE = "bot.web.fetch"
"""Its import takes a tenth of the time that Parlance takes to start."""


class LateFetcher:
    """Fetches pages as `bot.web.fetch.Fetcher` does, with the same limits and errors."""

    def __init__(self, limits: FetchLimits) -> None:
        self._limits = limits
        self._fetcher: Fetcher | None = None

    async def fetch_bytes(self, url: str, *, max_bytes: int | None = None) -> Fetched:
        """Fetch one page or file. Raises `Refused` or `Failed`."""
        if self._fetcher is None:
            module = await asyncio.to_thread(importlib.import_module, CLIENT_MODULE)
            self._fetcher = module.Fetcher(self._limits)
        return await self._fetcher.fetch_bytes(url, max_bytes=max_bytes)
