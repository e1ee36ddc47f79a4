"""A web server on 127.0.0.1 for tests that fetch: pages, redirects, and the ways servers fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    path: str
    host: str
    headers: dict[str, str]


class PageServer:
    """Serves what was put under a path; every request is kept in `seen`."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}
        self.seen: list[Seen] = []
        self.port = 0

    async def __aenter__(self) -> PageServer:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        """The address of a path."""
        return f"http://{host}:{self.port}{path}"

    def page(
        self,
        path: str,
        body: str | bytes,
        content_type: str = "text/html; charset=utf-8",
        status: int = 200,
        **headers: str,
    ) -> str:
        """Serve this body under the path; returns its URL."""
        data = body.encode() if isinstance(body, str) else body
        named = {name.replace("_", "-"): value for name, value in headers.items()}

        async def handler(request: web.Request) -> web.StreamResponse:
            return web.Response(
                body=data, status=status, headers={"Content-Type": content_type, **named}
            )

        return self.route(path, handler)

    def redirect(self, path: str, to: str) -> str:
        """Answer with a redirect; returns the URL."""

        async def handler(request: web.Request) -> web.StreamResponse:
            return web.Response(status=302, headers={"Location": to})

        return self.route(path, handler)

    def endless(self, path: str, piece: bytes, pause_s: float = 0.0, **headers: str) -> str:
        """Send the piece again and again until the reader goes away; returns the URL."""

        async def handler(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": "text/html", **headers})
            await response.prepare(request)
            while True:
                await response.write(piece)
                await asyncio.sleep(pause_s)

        return self.route(path, handler)

    def route(self, path: str, handler: Handler) -> str:
        """Serve a path with a handler of your own; returns the URL."""
        self._handlers[path] = handler
        return self.url(path)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(Seen(request.path, request.host, dict(request.headers)))
        handler = self._handlers.get(request.path)
        if handler is None:
            return web.Response(status=404, text="no such page")
        return await handler(request)
