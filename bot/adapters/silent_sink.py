"""A reply that shows nothing."""

from __future__ import annotations

from bot.types import Limits, View


class SilentSink:
    """A sink that shows nothing, for events that need no reply, such as a deleted question."""

    limits = Limits(max_chars=2000, edit_interval_s=1.0)

    async def start(self, view: View) -> None: ...

    async def update(self, view: View) -> None: ...

    async def finish(self, view: View) -> None: ...
