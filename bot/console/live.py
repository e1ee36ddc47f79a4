"""A page's part that changes by itself: rendered once for all who look at it, sent to each.

Whoever is slow gets the newest state, and not each one before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final

import structlog

log = structlog.get_logger(__name__)

KEEP_ALIVE_S: Final = 15.0
"""After so long without news a comment is sent, so that nothing between closes the stream."""


class LivePart:
    """Renders a part at intervals while somebody looks, and never otherwise.

    `render` returns its HTML. `close` must be called at the end; streams end with it.
    """

    def __init__(self, render: Callable[[], Awaitable[str]], every_s: float) -> None:
        self._render = render
        self._every_s = every_s
        self._news = asyncio.Condition()
        self._html = ""
        self._version = 0
        self._watching = 0
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def events(self, for_s: float) -> AsyncGenerator[bytes, None]:
        """The stream of one reader, for so many seconds, as server-sent events: the part, whenever
        it has changed."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + for_s
        self._watching += 1
        if self._task is None:
            self._task = asyncio.create_task(self._refresh(), name="console: live part")
        seen = 0
        try:
            while not self._closed and (left_s := ends_at - loop.time()) > 0:
                try:
                    async with asyncio.timeout(min(KEEP_ALIVE_S, left_s)), self._news:
                        while self._version == seen and not self._closed:
                            await self._news.wait()
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                if self._version != seen:
                    seen = self._version
                    yield to_event(self._html, str(seen))
        finally:
            self._watching -= 1
            if not self._watching:
                await self._stop()

    async def close(self) -> None:
        """End all streams."""
        self._closed = True
        async with self._news:
            self._news.notify_all()
        await self._stop()

    async def _stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _refresh(self) -> None:
        while True:
            try:
                html = await self._render()
            except Exception:  # a task's top; the next one may succeed
                log.exception("console.live_part_failed")
            else:
                if html != self._html or not self._version:
                    async with self._news:
                        self._html, self._version = html, self._version + 1
                        self._news.notify_all()
            await asyncio.sleep(self._every_s)


def to_event(html: str, ident: str) -> bytes:
    """One server-sent event without a name, whose data is swapped into the page."""
    lines = "".join(f"data: {line}\n" for line in html.splitlines() or [""])
    return f"id: {ident}\n{lines}\n".encode()
