"""Runs an adapter again after it has failed, so that a bug in one does not end the others."""

from __future__ import annotations

import asyncio
import random

import structlog

from bot.adapters.protocol import Adapter, AdapterError, Core

_log = structlog.get_logger(__name__)

_MAX_PAUSE_S = 60.0
_STABLE_RUN_S = 300.0
"""A run that lasted this long begins the pauses anew."""


async def supervise(adapter: Adapter, core: Core, first_pause_s: float = 1.0) -> None:
    """Run an adapter until it is done, and again after each unexpected failure.

    The pauses between two runs begin at `first_pause_s` seconds and double up to a minute. Raises
    `AdapterError` where only an operator can help.
    """
    failures = 0
    clock = asyncio.get_running_loop().time
    while True:
        began = clock()
        try:
            await adapter.run(core)
            return
        except AdapterError:
            raise
        except (Exception, asyncio.CancelledError) as exc:
            task = asyncio.current_task()
            if isinstance(exc, asyncio.CancelledError) and task is not None and task.cancelling():
                raise  # we are cancelled, and not something within the adapter
            failures = 0 if clock() - began > _STABLE_RUN_S else failures
            wait = min(_MAX_PAUSE_S, first_pause_s * 2**failures) * random.uniform(0.5, 1.0)
            failures = min(failures + 1, 30)
            _log.exception("platform.crashed", platform=adapter.name, retry_s=round(wait, 1))
        await asyncio.sleep(wait)
