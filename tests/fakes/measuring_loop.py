"""An event loop that measures how long each of its callbacks holds it."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import dataclass
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


@dataclass
class Longest:
    """The callback that took the most processor time, in seconds, and what it was."""

    seconds: float = 0.0
    what: str = "nothing"


class MeasuringLoop(asyncio.SelectorEventLoop):
    """Measures the processor time of the loop's own thread in each callback.

    It is `time.thread_time`, not wall time: a machine that is busy with other processes, or another
    thread that holds the interpreter, makes the wall time of a callback long without it having done
    anything. What such a callback does itself is the same wherever it runs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.longest = Longest()

    def _call_soon(
        self,
        callback: Callable[[Unpack[Ts]], object],
        args: tuple[*Ts],
        context: Context | None,
    ) -> asyncio.Handle:
        handle: asyncio.Handle = super()._call_soon(self._measure, (callback, args), context)  # type: ignore[misc]
        return handle

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return super().call_at(when, self._measure, callback, args, context=context)

    def _measure(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        began = time.thread_time()
        try:
            callback(*args)
        finally:
            seconds = time.thread_time() - began
            if seconds > self.longest.seconds:
                self.longest = Longest(seconds, _describe(callback))


@asynccontextmanager
async def measured(loop: MeasuringLoop) -> AsyncIterator[Longest]:
    """Measure what runs within the block; the result is complete at its end.

    What lived before is kept from the collector of garbage, as Parlance does after its start: here
    that is the whole of pytest, and looking through it is no part of what is measured.
    """
    gc.collect()
    gc.freeze()
    await asyncio.sleep(0)  # what this callback did is not measured
    loop.longest = result = Longest()
    try:
        yield result
        await asyncio.sleep(0)  # what came last is measured
    finally:
        gc.unfreeze()
        result.seconds, result.what = loop.longest.seconds, loop.longest.what


def run(main: Callable[[MeasuringLoop], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine function on a measuring loop, which it is given."""
    with asyncio.Runner(loop_factory=MeasuringLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, MeasuringLoop)
        return runner.run(main(loop))


def _describe(callback: Callable[..., object]) -> str:
    task = getattr(callback, "__self__", None)
    if not isinstance(task, asyncio.Task):
        return repr(callback)
    places = [f"{f.f_code.co_qualname}:{f.f_lineno}" for f in task.get_stack(limit=3)]
    return f"{task.get_name()} {task.get_coro()!r:.80} now at {' '.join(places)}"
