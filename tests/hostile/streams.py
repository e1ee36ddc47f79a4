"""What a model server may send that no protocol allows: bytes without an end, a drip, a page."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable

GIGABYTE = 2**30
_CHUNK = 2**16

WEB_PAGE = b"\n  <!DOCTYPE html><html><body>Sign in to the proxy</body></html>\n"
DEEP = b"[" * 100_000
BOMB = gzip.compress(b"0" * (1 << 24))


def endless(begin: bytes, filling: bytes = b"x") -> Callable[[], AsyncIterator[bytes]]:
    """A gigabyte without a line end, after `begin`."""

    async def pieces() -> AsyncIterator[bytes]:
        yield begin
        block = (filling * _CHUNK)[:_CHUNK]
        for _ in range(GIGABYTE // _CHUNK):
            yield block
            await asyncio.sleep(0)

    return pieces


def dripping(body: bytes, pause_s: float) -> Callable[[], AsyncIterator[bytes]]:
    """A body a byte at a time."""

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(len(body)):
            await asyncio.sleep(pause_s)
            yield body[at : at + 1]

    return pieces
