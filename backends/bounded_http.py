"""HTTP to model servers, none of which is trusted to end, to be brief, or to stay where it is.

What a server sends is bounded in all (`MAX_ANSWER_BYTES`, `MAX_LINES`) and in each line
(`MAX_LINE_BYTES`). It is not unpacked: a small compressed answer can be a large one. A redirect to
another host is not followed, since prompts go to the address that the operator wrote down and
nowhere else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

import httpx

from backends.errors import BackendError, BackendProtocolError

MAX_ANSWER_BYTES = 64 * 2**20
MAX_LINE_BYTES = 8 * 2**20
MAX_LINES = 500_000
_LINES_WITHOUT_PAUSE = 256
_MAX_REDIRECTS = 4
_LIMITS = httpx.Limits(max_connections=1_000, max_keepalive_connections=100)


class AnswerRefused(httpx.HTTPError):
    """An answer that is not read; the message goes on from the server's name."""


def create_http_client(
    url: str, *, timeout: httpx.Timeout, headers: Mapping[str, str], **more: Any
) -> httpx.AsyncClient:
    """Return a client for one server: without retries or proxy, and with bounded answers."""
    return httpx.AsyncClient(**http_options(url, timeout=timeout, headers=headers), **more)


def http_options(url: str, *, timeout: httpx.Timeout, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the arguments of an `httpx.AsyncClient` that make it such a client."""
    return {
        "transport": _BoundedTransport(url),
        "timeout": timeout,
        "trust_env": False,
        "follow_redirects": True,
        "max_redirects": _MAX_REDIRECTS,
        "headers": {**headers, "Accept-Encoding": "identity"},
    }


def describe_http_error(error: Exception, source: str) -> BackendError | None:
    """Return the backend error for what this module or its client refuses, None for all else."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, AnswerRefused):
            return BackendProtocolError(f"{source} {cause}")
        if isinstance(cause, httpx.TooManyRedirects):
            return BackendProtocolError(f"{source} redirects without an end; correct its url.")
        cause = cause.__cause__ or cause.__context__
    return None


async def read_lines(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Yield the lines of a body without their ends, which are LF, CRLF or CR.

    Raises `AnswerRefused` for a line that is too long, before it is in memory.
    """
    line = bytearray()
    after_return = False
    lines = 0
    async for chunk in chunks:
        for piece in chunk.splitlines(keepends=True):
            if after_return and piece == b"\n":  # a CRLF that was torn in two
                after_return = False
                continue
            after_return = piece.endswith(b"\r")
            ended = after_return or piece.endswith(b"\n")
            if len(line) + len(piece) > MAX_LINE_BYTES:
                raise AnswerRefused("sent a line without an end.")
            line += piece
            if ended:
                yield bytes(line.rstrip(b"\r\n"))
                line.clear()
                lines += 1
                if lines > MAX_LINES:
                    raise AnswerRefused("sent lines without an end.")
                if lines % _LINES_WITHOUT_PAUSE == 0:  # many short ones came at once
                    await asyncio.sleep(0)
    if line:
        yield bytes(line)


class _BoundedTransport(httpx.AsyncHTTPTransport):
    def __init__(self, url: str) -> None:
        self._host = httpx.URL(url).host
        secure = url.startswith("https:")  # else reading certificates would be idle work
        super().__init__(verify=secure, trust_env=False, limits=_LIMITS)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host != self._host:
            raise AnswerRefused(f"redirects to {request.url.host!r}, which is not asked.")
        response = await super().handle_async_request(request)
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            raise AnswerRefused("sent a compressed answer, which it was asked not to do.")
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _BoundedStream(response.stream)
        return response


class _BoundedStream(httpx.AsyncByteStream):
    def __init__(self, inner: httpx.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._inner:
            size += len(chunk)
            if size > MAX_ANSWER_BYTES:
                raise AnswerRefused("sent an answer without an end.")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()
