"""What each signal does to a process that serves."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from signal import SIGINT, SIGTERM

import pytest

from bot.cli.stop_signals import StopSignals
from tests.until import until

pytestmark = pytest.mark.usefixtures("json_log")


class Serving:
    """A task that serves until it is cancelled, and what it went through."""

    def __init__(self, *, drains: bool = True) -> None:
        self.events: list[str] = []
        self.drained = asyncio.Event()
        self.ready = asyncio.Event()
        self.signals: StopSignals | None = None
        self._drains = drains

    async def run(self) -> list[int]:
        self.signals = signals = StopSignals(interactive=False)
        try:
            if self._drains:
                async with signals.drained_by(self._drain):
                    await self._serve()
            else:
                await self._serve()
        except asyncio.CancelledError:
            self.events.append("cancelled")
        return signals.came

    async def _serve(self) -> None:
        self.ready.set()
        await asyncio.Event().wait()

    async def _drain(self) -> None:
        self.events.append("drains")
        try:
            await self.drained.wait()
        except asyncio.CancelledError:
            self.events.append("drain cancelled")
            raise
        self.events.append("drained")


async def told(serving: Serving, *numbers: int) -> asyncio.Task[list[int]]:
    task = asyncio.create_task(serving.run())
    await serving.ready.wait()
    for number in numbers:
        os.kill(os.getpid(), number)
        await until(lambda: task.done() or "drains" in serving.events)
    return task


async def test_the_first_sigterm_drains_and_then_ends() -> None:
    serving = Serving()
    task = await told(serving, SIGTERM)
    assert not task.done()
    serving.drained.set()
    assert await task == [SIGTERM]
    assert serving.events == ["drains", "drained", "cancelled"]


@pytest.mark.parametrize("second", [SIGTERM, SIGINT])
async def test_a_second_signal_waits_for_no_answer(second: int) -> None:
    serving = Serving()
    task = await told(serving, SIGTERM, second)
    assert await task == [SIGTERM, second]
    assert serving.events == ["drains", "drain cancelled", "cancelled"]


async def test_the_keyboard_waits_for_nothing() -> None:
    serving = Serving()
    assert await (await told(serving, SIGINT)) == [SIGINT]
    assert serving.events == ["cancelled"]


async def test_what_serves_nobody_ends_at_once() -> None:
    serving = Serving(drains=False)
    assert await (await told(serving, SIGTERM)) == [SIGTERM]
    assert serving.events == ["cancelled"]


async def test_a_drain_that_fails_ends_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    serving = Serving()

    def fail() -> Callable[[], None]:
        raise OSError("a bug")

    monkeypatch.setattr(serving.drained, "wait", fail)
    assert await (await told(serving, SIGTERM)) == [SIGTERM]
    assert serving.events == ["drains", "cancelled"]


async def test_a_third_signal_does_not_cut_the_closing() -> None:
    closed = asyncio.Event()

    async def serve() -> None:
        signals = StopSignals(interactive=False)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            signals.stop(signal.SIGTERM)
            await asyncio.sleep(0.01)
            closed.set()

    task = asyncio.create_task(serve())
    await asyncio.sleep(0)
    os.kill(os.getpid(), SIGTERM)
    await task
    assert closed.is_set()
