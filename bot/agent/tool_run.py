"""Runs the function of a tool in a task of its own, which ends with the turn or at its time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog

from bot.skills.current_turn import TurnSuspended

log = structlog.get_logger(__name__)

_GRACE_S: Final = 1.0
"""How long a tool may take to clean up after it is cancelled, in seconds, each time."""
_CANCELS: Final = 3
"""How often a tool that goes on is cancelled before it is left alone."""
_PASSED_ON: Final = (Exception, asyncio.CancelledError, TurnSuspended)

_unstoppable: set[asyncio.Task[Any]] = set()
"""Tools that went on however often they were cancelled, until they end."""


class ToolTimedOut(Exception):
    """A tool did not end within its time."""


class ToolBroken(Exception):
    """A tool raised what would have ended more than itself, such as `SystemExit`."""


async def run_tool(start: Callable[[], Awaitable[Any]], timeout_s: float, tool: str) -> Any:
    """Call a tool and return what it returns. It is cancelled after `timeout_s`, and where this is
    cancelled; that it ends is waited for, so that what it started ends too, but for a few seconds
    at most. Raises `ToolTimedOut`, `ToolBroken`, and what the tool raises."""
    task = asyncio.create_task(_contained(start), name=f"tool {tool}")
    try:
        await asyncio.wait({task}, timeout=timeout_s)
    finally:  # also where the turn is stopped
        late = not task.done()
        if late:
            await _end(task, tool)
    if late and (not task.done() or task.cancelled() or task.exception() is not None):
        raise ToolTimedOut
    if task.cancelled():
        raise ToolBroken  # it was cancelled though nobody had stopped it
    return task.result()


async def _contained(start: Callable[[], Awaitable[Any]]) -> Any:
    try:
        return await start()
    except _PASSED_ON:
        raise
    except BaseException as error:  # from here `SystemExit` would end the event loop
        raise ToolBroken from error


async def _end(task: asyncio.Task[Any], tool: str) -> None:
    try:
        for _ in range(_CANCELS):
            task.cancel()
            await asyncio.wait({task}, timeout=_GRACE_S)
            if task.done():
                return
        log.error("tool.not_stopped", tool=tool)
    finally:
        _unstoppable.add(task)
        task.add_done_callback(_let_go)


def _let_go(task: asyncio.Task[Any]) -> None:
    _unstoppable.discard(task)
    if not task.cancelled():
        task.exception()  # seen: nobody else asks for it
