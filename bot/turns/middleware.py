"""Middleware around the skill of a turn: permissions, metrics and logging.

Each is an async context manager: it runs before and after the skill, may raise before it, and sees
how it ended.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Protocol, TypeAlias

import structlog

from bot.commands.authorization import Authorize
from bot.commands.checks import Asker
from bot.errors import Denied
from bot.skills.current_turn import TurnSuspended
from bot.turns.outcome import outcome_of
from bot.turns.turn import Turn
from bot.types import State

log = structlog.get_logger(__name__)

Middleware: TypeAlias = Callable[[Turn], AbstractAsyncContextManager[None]]
"""`async with middleware(turn):` runs around the skill of a turn."""


class Metrics(Protocol):
    """Receives the counts and times of turns; `bot.observability.metrics` implements it."""

    def turn_started(self, kind: str) -> None: ...

    def turn_ended(self, kind: str, state: str, seconds: float) -> None: ...

    def first_text(self, seconds: float) -> None: ...


def wrap(
    handler: Callable[[Turn], Awaitable[None]], layers: Sequence[Middleware]
) -> Callable[[Turn], Awaitable[None]]:
    """Wrap a handler in middleware; the first is the outermost."""

    async def run(turn: Turn) -> None:
        async with AsyncExitStack() as stack:
            for layer in layers:
                await stack.enter_async_context(layer(turn))
            await handler(turn)

    return run


@asynccontextmanager
async def log_turns(turn: Turn) -> AsyncIterator[None]:
    """Log the start and the end of each turn, without any of its text."""
    assert turn.route is not None
    began = time.perf_counter()
    state: State = "complete"
    log.info("turn.started", kind=turn.route.kind, skill=turn.route.skill)
    try:
        yield
    except BaseException as error:
        state = _state(error)
        raise
    finally:
        seconds = round(time.perf_counter() - began, 3)
        log.info("turn.ended", state=state, seconds=seconds, model=turn.record.model or None)


def measure_turns(metrics: Metrics) -> Middleware:
    """Count turns, and measure their duration and the time to their first text."""

    @asynccontextmanager
    async def measure(turn: Turn) -> AsyncIterator[None]:
        assert turn.route is not None
        clock = asyncio.get_running_loop().time
        began = clock()
        state: State = "complete"
        metrics.turn_started(turn.route.kind)
        try:
            yield
        except BaseException as error:
            state = _state(error)
            raise
        finally:
            if turn.first_text_at is not None:
                metrics.first_text(turn.first_text_at - began)
            metrics.turn_ended(turn.route.kind, state, clock() - began)

    return measure


async def require(authorize: Authorize, asker: Asker, actions: Iterable[str]) -> None:
    """Raise `Denied`, with the reason, unless a person may do all of this where they are."""
    for action in actions:
        decision = await authorize(asker, action, asker.conversation)
        if not decision.allowed:
            raise Denied(decision.reason)


def check_permissions(authorize: Authorize) -> Middleware:
    """Refuse a turn to a person who may not do what it takes (`Route.actions`). Raises `Denied`
    before the skill runs."""

    @asynccontextmanager
    async def check(turn: Turn) -> AsyncIterator[None]:
        await require(authorize, turn.asker, turn.route.actions if turn.route is not None else ())
        yield

    return check


def _state(error: BaseException) -> State:
    if isinstance(error, TurnSuspended):
        return "waiting"
    return outcome_of(error).state if isinstance(error, Exception) else "cancelled"
