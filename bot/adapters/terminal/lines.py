"""Lines of standard input, one at a time, without ever blocking the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import TextIO

_AHEAD = 64
"""Lines read before the ones before them are answered; the pipe holds the rest back."""


async def lines(stream: TextIO) -> AsyncIterator[str]:
    """The lines of a stream, without their ends; blank ones are left out.

    A daemon thread reads, since a regular file cannot be polled and a pipe may never end: it is
    left behind when the process does.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[str | None] = asyncio.Queue()
    room = threading.Semaphore(_AHEAD)

    def read() -> None:
        try:
            for line in stream:
                room.acquire()
                loop.call_soon_threadsafe(queue.put_nowait, line)
            loop.call_soon_threadsafe(queue.put_nowait, None)
        except (ValueError, RuntimeError, OSError):
            return  # the stream or the loop was closed: nobody waits any more

    threading.Thread(target=read, name="terminal-input", daemon=True).start()
    while (line := await queue.get()) is not None:
        room.release()
        if line.strip():
            yield line.strip("\r\n")
