"""Time zones, which are read from files: once each, in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

_loaded: dict[str, ZoneInfo] = {}
"""At most as many as there are zones."""


def zone_named(name: str) -> ZoneInfo:
    """Return a time zone; the first call for each blocks, unless it was loaded before."""
    found = _loaded.get(name)
    if found is None:
        found = _loaded[name] = ZoneInfo(name)
    return found


@lru_cache(1)
def zone_names() -> frozenset[str]:
    """Return the names of all zones; the first call blocks."""
    return frozenset(available_timezones())


async def load_zones(names: Iterable[str]) -> None:
    """Load zones, so that `zone_named` does not block."""
    if missing := set(names) - _loaded.keys():
        await asyncio.to_thread(lambda: [zone_named(name) for name in missing])
