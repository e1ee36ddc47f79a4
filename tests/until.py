"""Waiting for what has to come, with more patience than any machine needs."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")

PATIENCE_S = 60.0
"""How long a test waits for what has to come: how fast a machine is, is no test."""

_PAUSES_S = (0.001, 0.05)
"""The shortest and the longest pause between two looks."""


@overload
async def until(
    true: Callable[[], Awaitable[T]],
    what: str | Callable[[], object] = "",
    within_s: float = PATIENCE_S,
    *,
    fits: Callable[[T], object] = bool,
) -> T: ...
@overload
async def until(
    true: Callable[[], T],
    what: str | Callable[[], object] = "",
    within_s: float = PATIENCE_S,
    *,
    fits: Callable[[T], object] = bool,
) -> T: ...
async def until(
    true: Callable[[], Any],
    what: str | Callable[[], object] = "",
    within_s: float = PATIENCE_S,
    *,
    fits: Callable[[Any], object] = bool,
) -> Any:
    """Wait until a condition holds, or until what it returns fits; what it returned then.

    The condition may be a coroutine function. The pauses between two looks are a twentieth of what
    was waited so far, so that neither a short wait becomes long nor a long one burdens the machine.
    When it never held, an AssertionError says `what`, which is called first if it is a function,
    and what was returned last.
    """
    loop = asyncio.get_running_loop()
    began, (shortest, longest) = loop.time(), _PAUSES_S
    found: Any = None
    try:
        async with asyncio.timeout(within_s) as patience:
            while True:
                found = true()
                if inspect.isawaitable(found):
                    found = await found
                if fits(found):
                    return found
                waited = loop.time() - began
                await asyncio.sleep(min(max(waited / 20, shortest), longest))
    except TimeoutError:
        if not patience.expired():
            raise  # it is the condition's own
        never = what() if callable(what) else what or true
        raise AssertionError(
            f"not so within {within_s:g} s: {never}; it was {found!r:.1000}"
        ) from None
