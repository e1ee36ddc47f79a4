"""What pages ask of a platform: names of places, time zones. No page waits for one for long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable
from typing import Final, Generic, TypeVar

from bot.adapters.lookup_cache import LookupCache

K = TypeVar("K", bound=Hashable)

PAGE_WAIT_S: Final = 0.3
"""How long a page waits; what is told later is there for the next one."""
MAX_LOOKUPS: Final = 100
"""How many answers may be waited for at once; more is not asked for meanwhile."""
_EMPTY_REUSE_S: Final = 60.0
"""For how long something is not asked again of which nothing was told."""


class BriefLookups(Generic[K]):
    """Asks by key, and reuses what it is told for `reuse_s` seconds.

    `ask` ends by itself, and returns an empty text for what it cannot tell. `close` must be called
    at the end.
    """

    def __init__(self, ask: Callable[[K], Awaitable[str]], reuse_s: float) -> None:
        self._known = LookupCache(ask)
        self._reuse_s = reuse_s
        self._asking: dict[K, asyncio.Task[str]] = {}

    async def get(self, keys: Iterable[K]) -> dict[K, str]:
        """What is told of each key in time, without those of which nothing is."""
        tasks = {key: task for key in dict.fromkeys(keys) if (task := self._begin(key)) is not None}
        if tasks:
            await asyncio.wait(tasks.values(), timeout=PAGE_WAIT_S)
        told = {key: _result(task) for key, task in tasks.items() if task.done()}
        return {key: text for key, text in told.items() if text}

    def _begin(self, key: K) -> asyncio.Task[str] | None:
        """What asks for a key; None where too much is being asked."""
        if (task := self._asking.get(key)) is not None or len(self._asking) >= MAX_LOOKUPS:
            return task

        def ended(task: asyncio.Task[str]) -> None:
            self._asking.pop(key, None)
            _result(task)

        task = asyncio.create_task(self._look_up(key), name="console: lookup")
        self._asking[key] = task
        task.add_done_callback(ended)
        return task

    async def _look_up(self, key: K) -> str:
        found = await self._known.get(key, self._reuse_s)
        return found or await self._known.get(key, min(self._reuse_s, _EMPTY_REUSE_S))

    async def close(self) -> None:
        """Give up what is being asked."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


def _result(task: asyncio.Task[str]) -> str:
    """What a lookup that has ended was told; empty where it failed."""
    return "" if task.cancelled() or task.exception() is not None else task.result()
