"""A request and a response over ASGI, with bounds on what is read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import structlog

log = structlog.get_logger(__name__)

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]


class HttpError(Exception):
    """The request is refused with this status."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(f"HTTP {status}")


@dataclass(frozen=True, slots=True)
class Response:
    """What is answered; `headers` by name, each with one value or several."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str | list[str]] = field(default_factory=dict)


class Request:
    """A request whose body is still to be read."""

    def __init__(self, scope: Message, receive: Receive) -> None:
        self._scope = scope
        self._receive = receive
        self.headers: dict[str, list[str]] = {}
        """The headers by their name in small letters."""
        for name, value in scope["headers"]:
            self.headers.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))

    @property
    def query(self) -> str:
        """What stands behind the question mark of the address."""
        return str(self._scope["query_string"].decode("latin-1"))

    def header(self, name: str) -> str:
        """The first value of a header; empty if it is missing."""
        return self.headers.get(name, [""])[0]

    async def body(self, max_bytes: int, within_s: float) -> bytes:
        """Read the body. Raises `HttpError`: too large (413), too slow (408), broken off (400)."""
        read = bytearray()
        async with aclosing(self.chunks(max_bytes, within_s)) as chunks:
            async for chunk in chunks:
                read += chunk
        return bytes(read)

    async def chunks(
        self, max_bytes: int, within_s: float, pause_s: float | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Read the body piece by piece, as it arrives. With `pause_s` no piece may take longer.
        Raises what `body` does, as soon as it is known."""
        length = self.header("content-length")
        if length.isdecimal() and int(length[:20]) > max_bytes:
            raise HttpError(413)
        clock = asyncio.get_running_loop().time
        ends_at, read = clock() + within_s, 0
        while True:
            try:
                next_at = ends_at if pause_s is None else min(ends_at, clock() + pause_s)
                async with asyncio.timeout_at(next_at):
                    message = await self._receive()
            except TimeoutError:
                raise HttpError(408) from None
            if message["type"] != "http.request":
                raise HttpError(400)
            chunk = message.get("body", b"")
            read += len(chunk)
            if read > max_bytes:
                raise HttpError(413)
            yield chunk
            if not message.get("more_body", False):
                return


async def respond(send: Send, response: Response) -> None:
    """Send a response."""
    headers = [
        (name.lower().encode("latin-1"), one.encode("latin-1"))
        for name, value in response.headers.items()
        if name.lower() != "content-length"
        for one in ([value] if isinstance(value, str) else value)
    ]
    headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


def endpoint(method: str, answer: Callable[[Request], Awaitable[Response]]) -> ASGIApp:
    """An ASGI app that answers one method at the very path that it is mounted at."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["path"] != scope["root_path"]:
            response = Response(404)
        elif scope["method"] != method and (method, scope["method"]) != ("GET", "HEAD"):
            response = Response(405, headers={"allow": method})
        else:
            try:
                response = await answer(Request(scope, receive))
            except HttpError as refused:
                response = Response(refused.status)
            except Exception:
                log.exception("http.request_failed", path=scope["root_path"])
                response = Response(500)
        await respond(send, response)

    return app
