"""Streams of items: parts of a list that is long or lazy, and one item before others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from itertools import islice
from typing import TypeVar

_T = TypeVar("_T")
_PART_ITEMS = 500
"""Items that are listed, and looked up, at a time."""


async def in_parts(items: Iterable[_T]) -> AsyncGenerator[list[_T], None]:
    """Yields items some at a time; they are listed in a thread, since that may block."""
    rest = iter(items)
    while part := await asyncio.to_thread(lambda: list(islice(rest, _PART_ITEMS))):
        yield part


async def prepend(first: _T, rest: AsyncGenerator[_T, None]) -> AsyncGenerator[_T, None]:
    """Yields an item that was taken from a stream, and then the rest of it."""
    yield first
    async for item in rest:
        yield item
