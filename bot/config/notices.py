"""The section of config.yaml about what an operator is told of by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field, StringConstraints, field_validator

from bot.commands.time_words import period_s
from bot.config.base import Section
from bot.config.knowledge import Period

ChannelName = Annotated[str, StringConstraints(pattern=r"^[a-z_]+(:[A-Za-z0-9_@-]+){1,2}$")]
"""`platform:channel`, as in `slack:C012ABCDEF`, or `platform:workspace:channel`."""


class NoticeSettings(Section):
    """What an operator is told of by itself: a platform lost, a disk nearly full, a model that
    fails, a backup or a schedule that did not run, documents that could not be read."""

    channel: tuple[ChannelName, ...] = ()
    """Where it is said: `slack:C012ABCDEF`, `discord:41771983423143937`, or a list of such; empty:
    in the log alone."""
    per_day: Annotated[int, Field(ge=1, le=1000)] = 20
    """Messages in one channel on a day (UTC), at most."""
    free_mb: Annotated[int, Field(ge=0)] = 1024
    """Room on the disk of `data_dir`, in MB, below which it is nearly full."""
    approvals_after: Period = "2h"
    """How long an approval may wait before it is told, such as `30m`, `2h` or `1d`."""

    @field_validator("channel", mode="before")
    @classmethod
    def _list(cls, value: Any) -> Any:
        """One channel need not be written as a list."""
        return () if value is None else (value,) if isinstance(value, str) else value

    @property
    def approvals_wait(self) -> timedelta:
        """How long an approval may wait."""
        return timedelta(seconds=period_s(self.approvals_after))
