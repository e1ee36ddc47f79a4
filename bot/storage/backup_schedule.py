"""Makes backups while the bot runs, each when it is due, and removes those that are too old.

When one is due follows from the newest that is there, so that a restart makes none again, and one
that became due while the bot was down is made at its start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from bot.errors import StorageError
from bot.private_files import make_folder
from bot.storage.backups import back_up, backup_folder, newest_copy, remove_old

log = structlog.get_logger(__name__)

_REMOVAL_S = 86_400.0
_FIRST_RETRY_S = 300.0
_LONGEST_RETRY_S = 6 * 3_600.0
_SHORTEST_SLEEP_S = 1.0
_LONGEST_SLEEP_S = 600.0
"""After so long the clock is looked at again: it may have been set, or the machine suspended."""


def _now() -> datetime:
    return datetime.now(UTC)


class BackupSchedule:
    """Copies the database at `path` to `folder` (None: the one beside it) every so many seconds;
    `every_s` None: never. `run` is its task."""

    def __init__(
        self,
        path: Path,
        folder: Path | None,
        every_s: float | None,
        keep_days: int | None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._path = path
        self.folder = folder or backup_folder(path)
        """Where the copies are."""
        self._every_s = every_s
        self._keep_days = keep_days
        self._clock = clock
        self._failures = 0
        self._retry_at: datetime | None = None
        self._removed_at = clock()

    def failing(self) -> bool:
        """Whether the last backup could not be made."""
        return self._failures > 0

    async def run(self, longest_sleep_s: float = _LONGEST_SLEEP_S) -> None:
        """Make what is due, until cancelled."""
        while True:
            left_s = await self.round()
            await asyncio.sleep(min(left_s, longest_sleep_s))

    async def round(self) -> float:
        """Make a backup if one is due; returns in how many seconds there is something to do."""
        now = self._clock()
        if (now - self._removed_at).total_seconds() >= _REMOVAL_S:
            self._removed_at = now
            await asyncio.to_thread(self.remove_old)
        due = await asyncio.to_thread(self._due, now)
        if due is not None and due <= now:
            await self._make()
            due = await asyncio.to_thread(self._due, now)
        left_s = _REMOVAL_S if due is None else (due - self._clock()).total_seconds()
        return max(left_s, _SHORTEST_SLEEP_S)

    def remove_old(self) -> None:
        """Remove the copies that are older than they are kept."""
        for folder in {backup_folder(self._path), self.folder}:
            remove_old(self._path, self._keep_days, folder)

    def _due(self, now: datetime) -> datetime | None:
        if self._every_s is None:
            return None
        if self._retry_at is not None:
            return self._retry_at
        newest = newest_copy(self._path, self.folder)
        if newest is None:
            return now
        return min(newest[1], now) + timedelta(seconds=self._every_s)  # the clock may be set back

    async def _make(self) -> None:
        try:
            copy = await asyncio.to_thread(self._copy)
        except (StorageError, OSError) as error:
            pause_s = min(_FIRST_RETRY_S * 2**self._failures, _LONGEST_RETRY_S)
            self._failures = min(self._failures + 1, 16)
            self._retry_at = self._clock() + timedelta(seconds=pause_s)
            log.error("backup.failed", reason=str(error), retry_s=pause_s)
            return
        self._failures, self._retry_at = 0, None
        log.info("backup.made", file=str(copy))

    def _copy(self) -> Path:
        make_folder(self.folder)
        return back_up(self._path, self.folder)
