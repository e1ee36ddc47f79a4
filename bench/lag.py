"""How late the event loop is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_TICK_S = 0.01


class Lag:
    """How much later than it wanted a task is woken, again and again."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    async def watch(self) -> None:
        """Measure until cancelled."""
        while True:
            began = time.perf_counter()
            await asyncio.sleep(_TICK_S)
            self.seen.append(time.perf_counter() - began - _TICK_S)

    def take(self) -> dict[str, float]:
        """Percentiles in seconds since the last time."""
        ordered, self.seen = sorted(self.seen) or [0.0], []
        last = len(ordered) - 1
        return {"p50": ordered[last // 2], "p99": ordered[int(last * 0.99)], "max": ordered[-1]}


@asynccontextmanager
async def watched() -> AsyncIterator[Lag]:
    """Measure the lag within the block."""
    lag = Lag()
    watching = asyncio.create_task(lag.watch(), name="lag")
    try:
        yield lag
    finally:
        watching.cancel()
        await asyncio.wait([watching])
