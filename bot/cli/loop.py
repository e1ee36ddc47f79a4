"""Runs a command's asynchronous work, and ends it in order on Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from bot.cli.options import read_installation

T = TypeVar("T")


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end and return its result.

    Ctrl-C cancels it, so that all is closed in order, and then raises `KeyboardInterrupt`. Before
    and after, the caller's own signal handler is in force.
    """
    before = signal.getsignal(signal.SIGINT)
    try:
        if before is not signal.SIG_IGN:
            # asyncio puts its own in place of this one, and of no other.
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return asyncio.run(work)
    finally:
        work.close()  # it says that it was never awaited where Ctrl-C came before its first step
        signal.signal(signal.SIGINT, before)


def run_with_app(config: Path | None, work: Callable[[Any], Awaitable[T]]) -> T:
    """Run `work` with the app, opened without its platforms; returns its result."""
    from bot.app import open_app
    from bot.observability.logs import configure

    here = read_installation(config)
    configure(here.config.logging.model_copy(update={"level": "warning"}), here.secrets.known())

    async def run() -> T:
        async with open_app(here) as app:
            return await work(app)

    return run_async(run())
