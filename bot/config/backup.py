"""The section of config.yaml about copies of the database."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bot.commands.time_words import period_s
from bot.config.base import LocalPath, Section
from bot.config.knowledge import Period


class BackupSettings(Section):
    """Copies of the database, which hold what was forgotten until they are removed."""

    every: Period | None = None
    """How often the running bot makes one by itself, such as `12h` or `1d`; empty: never."""
    folder: LocalPath | None = None
    """Folder of those copies, best on another disk; empty: `backups` in `data_dir`."""
    keep_days: Annotated[int, Field(ge=1, le=36_500)] | None = 30
    """Days after which a copy in that folder is removed, the newest one too; empty: they are kept.
    """

    @property
    def every_s(self) -> float | None:
        """How often one is made, in seconds."""
        return period_s(self.every) if self.every else None
