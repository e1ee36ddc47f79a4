"""The HTTP port as it is opened: at once where something needs it, or when somebody first does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Final

import structlog

from bot.errors import ConfigError
from bot.http.messages import ASGIApp
from bot.http.routes import Routes

log = structlog.get_logger(__name__)

DEFAULT_HTTP_PORT: Final = 3000
_EVERY_ADDRESS: Final = frozenset({"0.0.0.0", "::"})


class HttpPort(AbstractAsyncContextManager["HttpPort"]):
    """An async context manager, whose end closes the port if it was opened.

    `number` is the configured port, None for the usual one. Where that is taken by something else,
    `open(anywhere=True)` takes any.
    """

    def __init__(self, routes: Routes, host: str, number: int | None) -> None:
        self.routes = routes
        self._host = host
        self._number = number
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._address: str | None = None

    async def open(self, *, anywhere: bool = False) -> str:
        """Open it if it is not, and return its address. Raises `ConfigError` if it is taken."""
        async with self._opening:
            if self._address is None:
                self._address = await self._open(anywhere=anywhere)
                log.info("http.server_started", at=self._address)
            return self._address

    async def _open(self, *, anywhere: bool) -> str:
        serve_http = await asyncio.to_thread(_load_server)
        number = DEFAULT_HTTP_PORT if self._number is None else self._number
        try:
            return await self._stack.enter_async_context(
                serve_http(self.routes, self._host, number)
            )
        except ConfigError:
            if self._number is not None or not anywhere:
                raise
        return await self._stack.enter_async_context(serve_http(self.routes, self._host, 0))

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()


def local_address(address: str) -> str:
    """Where this machine reaches a port: one that listens on every address has no name of its
    own."""
    scheme, _, rest = address.partition("://")
    host, _, number = rest.rpartition(":")
    return f"{scheme}://127.0.0.1:{number}" if host.strip("[]") in _EVERY_ADDRESS else address


def _load_server() -> Callable[[ASGIApp, str, int], AbstractAsyncContextManager[str]]:
    """Import the server, which most do not need."""
    from bot.http.server import serve_http

    return serve_http
