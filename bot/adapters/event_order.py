"""Lets the events of one key through one at a time, in the order in which they came."""

from __future__ import annotations

import asyncio
from types import TracebackType
from weakref import WeakValueDictionary


class Ticket:
    """A place in the queue of a key; `async with` waits until those before it have left.

    It has to be entered or left, as its successors wait for it. One that is cancelled while it
    waits lets nobody overtake those before it.
    """

    def __init__(self, before: Ticket | None) -> None:
        self._before = before
        self._left = asyncio.Event()

    def leave(self) -> None:
        """Let the next one in; one that was not entered lets it in after those before."""
        self._left.set()

    async def __aenter__(self) -> None:
        try:
            while self._before is not None:
                await self._before._left.wait()
                self._before = self._before._before
        except BaseException:
            self.leave()
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.leave()


class EventOrder:
    """Queues by key; one that nobody waits in is forgotten."""

    def __init__(self) -> None:
        self._last: WeakValueDictionary[str, Ticket] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._last)

    def take(self, key: str) -> Ticket:
        """The next place in the queue of a key."""
        ticket = self._last[key] = Ticket(self._last.get(key))
        return ticket
