"""Middleware around the router's handler: permissions, metrics and logging."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Protocol, TypeAlias

import structlog

from bot.commands.checks import Asker
from bot.errors import Denied
from bot.turns.outcome import outcome_of
from bot.turns.router import Handler, RoutedTurn
from bot.types import Part, State, Text

log = structlog.get_logger(__name__)

Middleware: TypeAlias = Callable[[Handler], Handler]

CommandRule: TypeAlias = Callable[[str, Asker], Awaitable[bool]]
"""`await rule(command, asker)`: whether config.yaml and the admins let a person use a command."""


class Metrics(Protocol):
    """Receives the counts and times of turns; `bot.observability.metrics` implements it."""

    def turn_started(self, kind: str) -> None: ...

    def turn_ended(self, kind: str, state: str, seconds: float) -> None: ...

    def first_text(self, seconds: float) -> None: ...


def wrap(handler: Handler, *middleware: Middleware) -> Handler:
    """Wrap a handler in middleware; the first one given is the outermost."""
    for layer in reversed(middleware):
        handler = layer(handler)
    return handler


def log_turns(handler: Handler) -> Handler:
    """Log the start and the end of each turn, without any of its text."""

    async def run(turn: RoutedTurn) -> AsyncGenerator[Part, None]:
        began = time.perf_counter()
        state: State = "complete"
        log.info("turn.started", kind=turn.route.kind, skill=turn.route.skill)
        try:
            async with aclosing(handler(turn)) as parts:
                async for part in parts:
                    yield part
        except BaseException as error:
            state = _state(error)
            raise
        finally:
            seconds = round(time.perf_counter() - began, 3)
            log.info("turn.ended", state=state, seconds=seconds, model=turn.record.model or None)

    return run


def measure_turns(metrics: Metrics) -> Middleware:
    """Count turns, and measure their duration and the time to their first text."""

    def layer(handler: Handler) -> Handler:
        async def run(turn: RoutedTurn) -> AsyncGenerator[Part, None]:
            began = time.perf_counter()
            state: State = "complete"
            silent = True
            metrics.turn_started(turn.route.kind)
            try:
                async with aclosing(handler(turn)) as parts:
                    async for part in parts:
                        if silent and isinstance(part, Text):
                            silent = False
                            metrics.first_text(time.perf_counter() - began)
                        yield part
            except BaseException as error:
                state = _state(error)
                raise
            finally:
                metrics.turn_ended(turn.route.kind, state, time.perf_counter() - began)

        return run

    return layer


async def is_allowed(asker: Asker, command: str, rule: CommandRule | None) -> bool:
    """Whether `rule` lets the person use a command; without a rule everybody may."""
    return rule is None or await rule(command, asker)


def check_permissions(rule: CommandRule | None = None) -> Middleware:
    """Refuse a command to a person whom `rule` or the command's own check does not allow it. The
    handler raises `Denied`."""

    def layer(handler: Handler) -> Handler:
        async def run(turn: RoutedTurn) -> AsyncGenerator[Part, None]:
            command = turn.route.command
            if command is not None:
                if not await is_allowed(turn.asker, command.name, rule):
                    raise Denied(f"You may not use /{command.name} here.")
                if command.check is not None and not command.check(turn.asker):
                    raise Denied(f"/{command.name} needs {command.check.reason}.")
            async with aclosing(handler(turn)) as parts:
                async for part in parts:
                    yield part

        return run

    return layer


def _state(error: BaseException) -> State:
    return outcome_of(error).state if isinstance(error, Exception) else "cancelled"
