"""Reads lines of standard input without blocking the event loop."""

from __future__ import annotations

import asyncio
import codecs
import io
import os
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

_MAX_LINES_AHEAD = 64
"""Lines that are read ahead of the one that is being answered."""
_MAX_LINE_CHARS = 100_000
"""Longest line, in characters; the rest of it is dropped."""
_BYTE_ORDER_MARK = "\ufeff"
"""The byte order mark, which begins a file, and stands in mid-stream where files are joined."""


async def read_lines(stream: TextIO) -> AsyncGenerator[str, None]:
    """The lines of a stream, without their ends; blank ones are left out.

    A daemon thread reads, since a regular file cannot be polled and a pipe may never end: it is
    left behind when the process does. What is not UTF-8 is replaced; UTF-16 is known by its byte
    order mark, with which PowerShell begins a pipe or a file.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[str | None] = asyncio.Queue()
    room = threading.Semaphore(_MAX_LINES_AHEAD)
    abandoned = threading.Event()

    def read() -> None:
        with suppress(RuntimeError):  # the loop was closed: nobody waits any more
            try:
                with _open_own_copy(stream) as source:
                    for line in _read_bounded_lines(source):
                        room.acquire()
                        if abandoned.is_set():
                            return
                        loop.call_soon_threadsafe(queue.put_nowait, line)
            except (OSError, ValueError):
                pass  # a stream that fails or is closed has ended
            loop.call_soon_threadsafe(queue.put_nowait, None)

    threading.Thread(target=read, name="terminal-input", daemon=True).start()
    try:
        while (line := await queue.get()) is not None:
            room.release()
            if line.strip():
                yield line.strip("\r\n")
    finally:
        abandoned.set()
        room.release()


@contextmanager
def _open_own_copy(stream: TextIO) -> Iterator[TextIO]:
    """The stream with a buffer of the thread's own.

    A thread that waits holds its buffer's lock, and Python aborts where it cannot take the lock of
    standard input to close it at the end.
    """
    try:
        number = os.dup(stream.fileno())
    except io.UnsupportedOperation:
        yield stream
        return
    with open(number, "rb") as given:
        wide = given.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        yield io.TextIOWrapper(given, "utf-16" if wide else "utf-8", errors="replace")


def _read_bounded_lines(source: TextIO) -> Iterator[str]:
    while line := source.readline(_MAX_LINE_CHARS):
        rest = line
        while len(rest) == _MAX_LINE_CHARS and not rest.endswith("\n"):
            rest = source.readline(_MAX_LINE_CHARS)
        yield line.removeprefix(_BYTE_ORDER_MARK)
