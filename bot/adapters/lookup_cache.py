"""Remembers what a platform said for a moment, so that one question is not asked many times."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

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
        self._max_entries = max_entries
        self._clock = clock
        self._found: OrderedDict[K, tuple[float, V]] = OrderedDict()

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
            self._found.move_to_end(key)
            while len(self._found) > self._max_entries:
                self._found.popitem(last=False)
        return value
