"""Remembers what a platform said for a moment, so that one question is not asked many times."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from backends.lru import LruDict

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class LookupCache(Generic[K, V]):
    """The latest result of a lookup by its key; a lookup that fails is not remembered."""

    def __init__(
        self,
        look_up: Callable[[K], Awaitable[V]],
        *,
        max_entries: int = 2000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look_up = look_up
        self._clock = clock
        self._found: LruDict[K, tuple[float, V]] = LruDict(max_entries)

    async def get(self, key: K, max_age_s: float) -> V:
        """The result for a key, looked up unless one is at most `max_age_s` seconds old."""
        asked = self._clock()
        known = self._found.get(key)
        if known is not None and asked - known[0] <= max_age_s:
            return known[1]
        value = await self._look_up(key)
        later = self._found.get(key)
        if later is None or later[0] <= asked:  # what was asked for first may come last
            self._found[key] = (asked, value)
        return value
