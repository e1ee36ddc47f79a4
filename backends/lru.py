"""A dictionary of bounded size."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import ItemsView
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class LruDict(Generic[K, V]):
    """Holds at most `max_items` items; the one that was written or read longest ago is dropped.

    `in`, `len` and `items` read nothing. Not safe for several threads.
    """

    def __init__(self, max_items: int) -> None:
        self._max_items = max_items
        self._items: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def __setitem__(self, key: K, value: V) -> None:
        self._items[key] = value
        self._items.move_to_end(key)
        if len(self._items) > self._max_items:
            self._items.popitem(last=False)

    def get(self, key: K) -> V | None:
        """Return the value of a key; None if there is none."""
        if key not in self._items:
            return None
        self._items.move_to_end(key)
        return self._items[key]

    def pop(self, key: K) -> V | None:
        """Remove a key and return its value; None if there is none."""
        return self._items.pop(key, None)

    def items(self) -> ItemsView[K, V]:
        """The items, the one written or read longest ago first."""
        return self._items.items()
