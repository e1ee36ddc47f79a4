"""Has what was read once at the start read again when another process has changed it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from bot.errors import StorageError
from bot.history.tables import choices
from bot.storage.database import Database

log = structlog.get_logger(__name__)

_RETRY_S: Final = 2.0
"""How long after a database that failed it is read again, in seconds."""


class ChosenAnew:
    """Calls `loads`, which read what people chose, when the choices were changed by another
    process. What this process changes itself, it knows."""

    def __init__(self, database: Database, loads: Sequence[Callable[[], Awaitable[None]]]) -> None:
        self._database = database
        self._loads = loads
        self._changed = asyncio.Event()
        database.on_changed(choices, self._changed.set)

    async def run(self) -> None:
        """Read again whenever something was changed, until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._load()
            except StorageError as error:
                log.warning("choices.not_read", reason=str(error))
                self._changed.set()
                await asyncio.sleep(_RETRY_S)

    async def _load(self) -> None:
        """Read everything, and again where this process has changed something meanwhile: what was
        read may be older than that."""
        read_at = None
        while read_at != self._database.version(choices):
            read_at = self._database.version(choices)
            for load in self._loads:
                await load()
