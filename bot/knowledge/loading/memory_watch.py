"""Memory of a process, looked at from outside: for systems that do not count it themselves."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

_EVERY_S = 0.25


@dataclass(slots=True)
class Watch:
    """Whether the process was ended since it took too much."""

    too_large: bool = False


@asynccontextmanager
async def watched(pid: int, most: int) -> AsyncIterator[Watch]:
    """Kill the process, which leads a session of its own, once it has taken `most` bytes more than
    at the beginning; where `most` is 0 it is not watched."""
    watch = Watch()
    if not most:
        yield watch
        return
    task = asyncio.create_task(_look(pid, most, watch), name="documents: memory")
    try:
        yield watch
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _look(pid: int, most: int, watch: Watch) -> None:
    begun = await _resident(pid)
    while (taken := await _resident(pid)) is not None and begun is not None:
        if taken > begun + most:
            watch.too_large = True
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
            return
        await asyncio.sleep(_EVERY_S)


async def _resident(pid: int) -> int | None:
    """Bytes in memory; None for a process that is gone."""
    process = await asyncio.create_subprocess_exec(
        *("ps", "-o", "rss=", "-p", str(pid)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    told, _ = await process.communicate()
    return int(told) * 1024 if told.strip().isdigit() else None
