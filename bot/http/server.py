"""The server of the HTTP port: uvicorn, bounded in connections, sizes and time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from bot.errors import ConfigError
from bot.http.messages import ASGIApp

log = structlog.get_logger(__name__)

MAX_CONNECTIONS = 512
"""Connections that are open at once; a request on a further one is refused with 503."""
MAX_HEAD_BYTES = 32 * 1024
"""Longest first line with headers; a longer one is refused with 400."""
HEAD_TIMEOUT_S = 10.0
"""Time for the first line and the headers to arrive; after it the connection is closed."""
KEEP_ALIVE_S = 30
"""Time for which a connection is kept for the next request."""
CLOSE_TIMEOUT_S = 5.0
"""Time for what was answered to be taken, once a connection is closed."""
SHUTDOWN_TIMEOUT_S = 3
"""Time for requests that are being answered to end, when the server does."""
_MAX_BACKLOG_CONNECTIONS = 1024


@asynccontextmanager
async def serve_http(app: ASGIApp, host: str, port: int) -> AsyncIterator[str]:
    """Serve an app until the block ends; gives its address (port 0: a free one).

    Raises `ConfigError` if the port cannot be listened on.
    """
    sockets = await _bind(host, port)
    bound, number = sockets[0].getsockname()[:2]
    config = uvicorn.Config(
        app,
        http=_BoundedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,  # whose clock would tick ten times a second
        backlog=_MAX_BACKLOG_CONNECTIONS,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
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

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self.loop.call_later(CLOSE_TIMEOUT_S, self.transport.abort)

    def _watch(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._unwatch()
        elif self._waiting is None:
            self._waiting = self.loop.call_later(HEAD_TIMEOUT_S, self.transport.abort)

    def _unwatch(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
