"""A sink that records what it is told, and can be told to fail or to be slow."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from bot.types import Limits, View


@dataclass
class RecordingSink:
    """Keeps every call as (step, view, time on the loop's clock).

    `fail` names the steps that raise, `hang` those that never return, `slow_s` how long every call
    takes.
    """

    limits: Limits = field(default_factory=lambda: Limits(2000, 0.0))
    fail: frozenset[str] = frozenset()
    hang: frozenset[str] = frozenset()
    slow_s: float = 0.0
    calls: list[tuple[str, View, float]] = field(default_factory=list)
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self, view: View) -> None:
        await self._record("start", view)

    async def update(self, view: View) -> None:
        await self._record("update", view)

    async def finish(self, view: View) -> None:
        try:
            await self._record("finish", view)
        finally:
            self.finished.set()

    async def _record(self, step: str, view: View) -> None:
        self.calls.append((step, view, asyncio.get_running_loop().time()))
        self.changed.set()
        if self.slow_s:
            await asyncio.sleep(self.slow_s)
        if step in self.hang:
            await asyncio.Event().wait()
        if step in self.fail:
            raise ConnectionError(f"the platform refused to {step}")

    @property
    def steps(self) -> list[str]:
        """The calls by name, in order."""
        return [step for step, _, _ in self.calls]

    @property
    def view(self) -> View:
        """The latest view."""
        return self.calls[-1][1]

    async def end(self, within_s: float = 60.0) -> View:
        """Wait until the reply is finished; its last view."""
        async with asyncio.timeout(within_s):
            await self.finished.wait()
        return self.view

    async def until_text(self, text: str, within_s: float = 60.0) -> View:
        """Wait until the reply shows a text; the view that does."""
        async with asyncio.timeout(within_s):
            while not self.calls or text not in self.view.text:
                self.changed.clear()
                await self.changed.wait()
        return self.view
