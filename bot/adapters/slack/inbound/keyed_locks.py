"""What happens in one place, handled in the order in which it came."""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary


class KeyedLocks:
    """Lets what happens in one place be handled in the order in which it came."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def lock_for(self, key: str) -> asyncio.Lock:
        """The lock of a place; those who wait for it get it in turn."""
        return self._locks.setdefault(key, asyncio.Lock())
