"""The queue of requests that wait for a free sequence, fair by person."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class WaitQueue(Generic[T]):
    """Serves one request of each person in turn, so that nobody waits for all of another's.

    Bounded: `add` returns False when it is full.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lanes: OrderedDict[str, deque[T]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[T]:
        for lane in self._lanes.values():
            yield from lane

    def add(self, person: str, item: T) -> bool:
        if self._count >= self._limit:
            return False
        self._lanes.setdefault(person, deque()).append(item)
        self._count += 1
        return True

    def put_back(self, person: str, item: T) -> None:
        """Return an item to the very front, regardless of the limit, since it was admitted
        before.
        """
        self._lanes.setdefault(person, deque()).appendleft(item)
        self._lanes.move_to_end(person, last=False)
        self._count += 1

    def first(self, may: Callable[[str], bool] = lambda _: True) -> tuple[str, T] | None:
        """Return whose turn it is among the persons for whom `may` is true, without taking it."""
        for person, lane in self._lanes.items():
            if may(person):
                return person, lane[0]
        return None

    def take(self, person: str) -> T:
        """Take a person's next item; the person goes to the end of the line."""
        lane = self._lanes[person]
        item = lane.popleft()
        self._count -= 1
        if lane:
            self._lanes.move_to_end(person)
        else:
            del self._lanes[person]
        return item

    def discard(self, gone: Callable[[T], bool]) -> list[T]:
        """Remove and return every item for which `gone` is true."""
        removed: list[T] = []
        for person in list(self._lanes):
            lane = self._lanes[person]
            out = [item for item in lane if gone(item)]
            if out:
                kept = deque(item for item in lane if not gone(item))
                removed += out
                if kept:
                    self._lanes[person] = kept
                else:
                    del self._lanes[person]
        self._count -= len(removed)
        return removed
