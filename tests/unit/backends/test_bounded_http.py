"""HTTP to a model server: bounded whatever is asked, and for no other host."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from aiohttp import web

from backends.bounded_http import (
    MAX_ANSWER_BYTES,
    MAX_LINE_BYTES,
    AnswerRefused,
    create_http_client,
    describe_http_error,
    read_lines,
)
from tests.fakes.speech import SpeechServer
from tests.hostile.streams import endless


async def test_a_body_without_an_end_is_not_read_into_memory() -> None:
    server = SpeechServer()
    sent = 0

    async def flood(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        async for piece in endless(b"")():
            await response.write(piece)
            sent += len(piece)
        return response

    server.app.router.add_get("/", flood)
    async with server:
        timeout = httpx.Timeout(30.0)
        async with create_http_client(server.url, timeout=timeout, headers={}) as client:
            with pytest.raises(AnswerRefused, match="without an end") as caught:
                await client.get(server.url)
    assert sent < MAX_ANSWER_BYTES + 16 * 2**20
    told = describe_http_error(caught.value, "The server")
    assert str(told) == "The server sent an answer without an end."


async def lines_of(*chunks: bytes) -> list[bytes]:
    async def source() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return [line async for line in read_lines(source())]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
async def test_lines_end_alike_wherever_they_are_torn(end: bytes) -> None:
    body = end.join([b"one", b"", b"two", b"three"])
    for at in range(len(body) + 1):
        assert await lines_of(body[:at], body[at:]) == [b"one", b"", b"two", b"three"]
    single = [body[at : at + 1] for at in range(len(body))]
    assert await lines_of(*single) == [b"one", b"", b"two", b"three"]


async def test_the_longest_line_that_is_read() -> None:
    longest = b"x" * MAX_LINE_BYTES
    assert await lines_of(longest) == [longest]
    with pytest.raises(AnswerRefused):
        await lines_of(longest, b"x")
