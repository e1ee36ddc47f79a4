"""Watches the memory of a process from outside, on systems that cannot limit it themselves."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

_CHECK_INTERVAL_S = 0.25


@dataclass(slots=True)
class MemoryWatch:
    """Whether the process was killed because it took too much memory."""

    limit_exceeded: bool = False


@asynccontextmanager
async def watch_memory(pid: int, max_bytes: int) -> AsyncIterator[MemoryWatch]:
    """Kills a process once its resident memory has grown by more than `max_bytes`.

    The process must lead a session of its own: the whole process group is killed. With `max_bytes`
    0 nothing is watched.
    """
    watch = MemoryWatch()
    if not max_bytes:
        yield watch
        return
    task = asyncio.create_task(_watch(pid, max_bytes, watch), name="documents: memory")
    try:
        yield watch
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _watch(pid: int, max_bytes: int, watch: MemoryWatch) -> None:
    begun = await _resident_bytes(pid)
    while (size := await _resident_bytes(pid)) is not None and begun is not None:
        if size > begun + max_bytes:
            watch.limit_exceeded = True
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
            return
        await asyncio.sleep(_CHECK_INTERVAL_S)


async def _resident_bytes(pid: int) -> int | None:
    """Bytes in memory; None for a process that is gone."""
    process = await asyncio.create_subprocess_exec(
        *("ps", "-o", "rss=", "-p", str(pid)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await process.communicate()
    return int(output) * 1024 if output.strip().isdigit() else None
