"""A server of tools that is reached over HTTP: its answers are bounded, and it is not followed to
other addresses.

What logs in to it may ask other hosts; their addresses are checked as those of web pages are, and
the connection goes to the address that was checked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import httpcore2
import httpx2
from mcp.client.streamable_http import streamable_http_client

from bot.errors import UserFacingError
from bot.web.addresses import AddressPolicy

MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
"""Largest answer, and largest part of one that comes in parts, after which no more is read."""
MAX_EVENT_BYTES: Final = 1024 * 1024
_MAX_STREAM_BYTES: Final = 256 * 1024 * 1024
_CONNECT_TIMEOUT_S: Final = 10.0
_READ_TIMEOUT_S: Final = 300.0
_STREAM: Final = "text/event-stream"


@dataclass(slots=True)
class EndpointState:
    """What is known of a server over HTTP while it is connected."""

    unauthorized: bool = field(default=False)
    """Its last answer was that it wants a login."""


@asynccontextmanager
async def connect_to(
    state: EndpointState,
    url: str,
    headers: Mapping[str, str],
    auth: httpx2.Auth | None = None,
) -> AsyncGenerator[tuple[Any, Any]]:
    """Connect to a server; yields the streams of the SDK. `auth` logs in to it."""

    async def look_at(response: httpx2.Response) -> None:
        if httpx2.URL(url).host == response.request.url.host:
            state.unauthorized = response.status_code == HTTPStatus.UNAUTHORIZED

    # The certificates of authorities are read from a file for it.
    transport = await asyncio.to_thread(_Transport, url, may_leave=auth is not None)
    async with (
        httpx2.AsyncClient(
            transport=transport,
            headers={**headers, "Accept-Encoding": "identity"},
            auth=auth,
            timeout=httpx2.Timeout(_CONNECT_TIMEOUT_S, read=_READ_TIMEOUT_S),
            trust_env=False,
            event_hooks={"response": [look_at]},
        ) as client,
        streamable_http_client(
            url, http_client=client, max_sse_event_size=MAX_EVENT_BYTES
        ) as streams,
    ):
        yield streams[0], streams[1]


def open_client(url: str, auth: httpx2.Auth) -> httpx2.AsyncClient:
    """A client for the requests of a login to a server, with the same bounds."""
    return httpx2.AsyncClient(
        transport=_Transport(url, may_leave=True),
        headers={"Accept-Encoding": "identity"},
        auth=auth,
        timeout=_CONNECT_TIMEOUT_S,
        trust_env=False,
    )


class _Transport(httpx2.AsyncHTTPTransport):
    def __init__(self, url: str, *, may_leave: bool) -> None:
        super().__init__(trust_env=False)
        self._home = httpx2.URL(url)
        self._may_leave = may_leave
        if may_leave:
            policy = AddressPolicy(frozenset({_place(self._home)}))
            # There is no other way to connect to the address that was checked.
            self._pool._network_backend = _CheckedNetwork(policy)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        at_home = _origin(request.url) == _origin(self._home)
        if not at_home and not (self._may_leave and request.url.scheme == "https"):
            raise httpx2.ConnectError(f"leads to {request.url.host!r}, which is not asked")
        response = await super().handle_async_request(request)
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            raise httpx2.RemoteProtocolError("sent a compressed answer, unasked")
        in_parts = response.headers.get("content-type", "").lower().startswith(_STREAM)
        limit = _MAX_STREAM_BYTES if in_parts else MAX_ANSWER_BYTES
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Bounded(response.stream, limit)
        return response


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, limit: int) -> None:
        self._inner, self._limit = inner, limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._inner:
            size += len(chunk)
            if size > self._limit:
                raise httpx2.StreamError("sent an answer without an end")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


class _CheckedNetwork(httpcore2.AsyncNetworkBackend):
    """Connects to addresses that were checked."""

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        try:
            addresses = await self._policy.resolve(host, port)
        except UserFacingError as error:
            raise httpcore2.ConnectError(str(error)) from error
        for address in addresses[:-1]:
            with suppress(httpcore2.NetworkError, httpcore2.TimeoutException):
                return await self._inner.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
        return await self._inner.connect_tcp(
            addresses[-1], port, timeout, local_address, socket_options
        )

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _place(url: httpx2.URL) -> str:
    port = url.port or (443 if url.scheme == "https" else 80)
    return f"{url.host}:{port}"
