"""The server of the HTTP port: uvicorn, bounded in connections, sizes and time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from bot.errors import ConfigError
from bot.http.messages import ASGIApp

log = structlog.get_logger(__name__)

_MAX_BACKLOG_CONNECTIONS = 1024


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What clients may take; times in seconds."""

    connections: int = 512
    """Connections that are served at once. On a further one requests are refused with 503; beyond
    twice as many, connections are closed."""
    head_bytes: int = 32 * 1024
    """Longest first line with headers; a longer one is refused with 400."""
    head_s: float = 10.0
    """Time for the first line and the headers to arrive, and for what is left of a refused body."""
    keep_alive_s: int = 30
    """Time for which a connection is kept for the next request."""
    close_s: float = 5.0
    """Time for an answer to be taken, once its connection is closed."""
    shutdown_s: int = 3
    """Time for requests that are being answered to end, when the server does."""


@asynccontextmanager
async def serve_http(
    app: ASGIApp, host: str, port: int, limits: HttpLimits | None = None
) -> AsyncIterator[str]:
    """Serve an app until the block ends; gives its address (port 0: a free one).

    Raises `ConfigError` if the port cannot be listened on.
    """
    limits = limits or HttpLimits()
    sockets = await _bind(host, port)
    bound, number = sockets[0].getsockname()[:2]
    config = uvicorn.Config(
        app,
        http=partial(_BoundedProtocol, limits),  # type: ignore[arg-type]
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,  # whose clock would tick ten times a second
        backlog=_MAX_BACKLOG_CONNECTIONS,
        limit_concurrency=limits.connections,
        timeout_keep_alive=limits.keep_alive_s,
        timeout_graceful_shutdown=limits.shutdown_s,
        h11_max_incomplete_event_size=limits.head_bytes,
    )
    config.load()
    # Without `Server.serve`, which takes the process's signals for itself.
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=sockets)
    try:
        yield f"http://[{bound}]:{number}" if ":" in bound else f"http://{bound}:{number}"
    finally:
        await server.shutdown(sockets=sockets)


async def _bind(host: str, port: int) -> list[socket.socket]:
    """A socket for each address of the host."""
    sockets: list[socket.socket] = []
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for family, address in dict.fromkeys((one[0], one[4]) for one in found):
            sockets.append(
                socket.create_server(address, family=family, backlog=_MAX_BACKLOG_CONNECTIONS)
            )
    except OSError as exc:
        for opened in sockets:
            opened.close()
        why = exc.strerror or "it cannot be listened on"
        raise ConfigError(
            f"The HTTP port {host}:{port} cannot be opened ({why}): set http.host and http.port in "
            "config.yaml."
        ) from exc
    return sockets


class _BoundedProtocol(H11Protocol):
    """A connection that is closed if it keeps the server waiting.

    uvicorn waits for ever for the head of a request, and for a closed connection to take its
    answer.
    """

    def __init__(self, limits: HttpLimits, **options: Any) -> None:
        super().__init__(**options)
        self._limits = limits
        self._waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()
        if len(self.connections) > 2 * self._limits.connections:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self.loop.call_later(self._limits.close_s, self.transport.abort)

    def _watch(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._unwatch()
        elif self._waiting is None:
            self._waiting = self.loop.call_later(self._limits.head_s, self.transport.abort)

    def _unwatch(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
