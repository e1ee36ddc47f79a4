"""Locks by key, to handle the events of one conversation in order."""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary


class KeyedLocks:
    """Locks by key; the events of one key are handled in the order they came."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def lock_for(self, key: str) -> asyncio.Lock:
        """The lock of a key; those who wait for it get it in turn."""
        return self._locks.setdefault(key, asyncio.Lock())
