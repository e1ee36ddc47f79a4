"""Runs an adapter again after it has failed, so that a bug in one does not end the others."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Literal

import structlog

from bot.adapters.backoff import Backoff
from bot.adapters.protocol import Adapter, Core
from bot.errors import AdapterError

_log = structlog.get_logger(__name__)

_MAX_PAUSE_S = 60.0

PlatformState = Literal["serving", "standby", "ended", "failed"]
READY_STATES = frozenset({"connected", "standby"})
"""The states, as `describe_platform` tells them, of a platform that does what it should."""


def describe_platform(
    adapter: Adapter, states: Mapping[str, tuple[PlatformState, str]]
) -> dict[str, str]:
    """A platform's name with its state: starting, connecting, connected, standby (another process
    serves it), ended or failed (then with the reason as `detail`). `states` say what has become of
    those that were started."""
    state, detail = states.get(adapter.name, ("starting", ""))
    told: str = state
    if told == "serving":
        # Only some adapters tell; what is served is then connected.
        told = "connected" if getattr(adapter, "connected", True) else "connecting"
    return {"name": adapter.name, "state": told, "detail": detail}


async def supervise(adapter: Adapter, core: Core, first_pause_s: float = 1.0) -> None:
    """Run an adapter until it is done, and again after each unexpected failure.

    The pauses between two runs begin at `first_pause_s` seconds and double up to a minute (two
    after twenty runs that failed at once). Raises `AdapterError` where only an operator can help.
    """
    backoff = Backoff(first_pause_s, _MAX_PAUSE_S)
    while True:
        backoff.record_opened()
        try:
            await adapter.run(core)
            return
        except AdapterError:
            raise
        except (Exception, asyncio.CancelledError) as exc:
            task = asyncio.current_task()
            if isinstance(exc, asyncio.CancelledError) and task is not None and task.cancelling():
                raise  # we are cancelled, and not something within the adapter
            wait = backoff.delay()
            _log.exception("platform.crashed", platform=adapter.name, retry_s=round(wait, 1))
        await asyncio.sleep(wait)
