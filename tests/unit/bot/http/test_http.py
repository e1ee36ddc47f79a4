"""Parts are mounted on one port, and one that fails harms no other."""

from __future__ import annotations

import asyncio
import io
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import aiohttp
import pytest

from bot.config.core import LoggingSettings
from bot.errors import ConfigError
from bot.http.messages import Message, Receive, Request, Response, Send, endpoint, respond
from bot.http.routes import Routes
from bot.http.server import HttpLimits, serve_http
from bot.observability.logs import configure
from tests.until import PATIENCE_S

MAX_BYTES = 1000


async def echo(request: Request) -> Response:
    body = await request.body(MAX_BYTES, within_s=5)
    return Response(201, body, {"x-query": request.query, "x-many": ["a", "b"]})


async def fail(_: Request) -> Response:
    raise ZeroDivisionError


async def tree(scope: Message, receive: Receive, send: Send) -> None:
    rest = str(scope["path"]).removeprefix(scope["root_path"])
    await respond(send, Response(body=rest.encode()))


async def broken(scope: Message, receive: Receive, send: Send) -> None:
    raise ZeroDivisionError


@pytest.fixture
async def address() -> AsyncIterator[str]:
    routes = Routes()
    routes.mount("/echo", endpoint("POST", echo))
    routes.mount("/fail", endpoint("GET", fail))
    routes.mount("/tree", tree)
    routes.mount("/tree/inner", endpoint("GET", fail))
    routes.mount("/broken", broken)
    async with serve_http(routes, "127.0.0.1", 0) as found:
        yield found


async def test_parts_are_found_by_their_paths(address: str) -> None:
    async with aiohttp.ClientSession(address) as session:
        async with session.get("/tree/a/b?c") as answer:
            assert (answer.status, await answer.text()) == (200, "/a/b")
        async with session.post("/echo?x=1", data=b"hello") as answer:
            assert (answer.status, await answer.read()) == (201, b"hello")
            assert answer.headers["x-query"] == "x=1"
            assert answer.headers.getall("x-many") == ["a", "b"]
        for path, status in {"/": 404, "/trees": 404, "/echo/more": 404, "/echo": 405}.items():
            async with session.get(path) as answer:
                assert answer.status == status, path
        for path in ("/fail", "/tree/inner", "/broken"):
            async with session.get(path) as answer:
                assert answer.status == 500
                assert "Zero" not in await answer.text()
        async with session.get("/tree") as answer:
            assert answer.status == 200


async def test_a_body_is_read_up_to_its_bound(address: str) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b"x" * 100

    async with aiohttp.ClientSession(address) as session:
        for body, status in ((b"x" * 1000, 201), (b"x" * 1001, 413), (b"x" * 5_000_000, 413)):
            async with session.post("/echo", data=io.BytesIO(body)) as answer:
                assert answer.status == status
        async with session.post("/echo", data=pieces()) as answer:  # no length is told
            assert answer.status == 413


def test_two_parts_cannot_have_one_path() -> None:
    routes = Routes()
    routes.mount("/tree", tree)
    for path in ("/tree", "tree", "/tree/", ""):
        with pytest.raises(ValueError, match="nothing can be mounted"):
            routes.mount(path, tree)


@pytest.mark.parametrize("level", ["debug", "info"])
async def test_nothing_of_a_request_is_logged(
    address: str, level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(LoggingSettings.model_validate({"level": level, "format": "json"}))
    async with aiohttp.ClientSession(address) as session:
        for path in ("/fail", "/broken", "/tree", "/nowhere"):
            headers = {"Authorization": "s3cr3t", "Cookie": "s3cr3t"}
            async with session.get(f"{path}?key=s3cr3t", headers=headers) as answer:
                await answer.read()
    said = capsys.readouterr().err
    assert "http.request_failed" in said
    assert "s3cr3t" not in said


async def test_what_is_being_answered_is_finished_when_the_server_ends() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_: Request) -> Response:
        begun.set()
        await go_on.wait()
        return Response(body=b"done")

    routes = Routes()
    routes.mount("/slow", endpoint("GET", slow))

    async def get(address: str) -> bytes:
        async with aiohttp.ClientSession(address) as session, session.get("/slow") as answer:
            return await answer.read()

    async with serve_http(routes, "127.0.0.1", 0) as address:
        asking = asyncio.create_task(get(address))
        await begun.wait()
        asyncio.get_running_loop().call_later(0.2, go_on.set)
    assert await asking == b"done"


async def test_what_does_not_end_is_cancelled() -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def stuck(_: Request) -> Response:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return Response()

    routes = Routes()
    routes.mount("/stuck", endpoint("GET", stuck))

    async def get(address: str) -> None:
        async with aiohttp.ClientSession(address) as session, session.get("/stuck") as answer:
            await answer.read()

    async with serve_http(routes, "127.0.0.1", 0, HttpLimits(shutdown_s=1)) as address:
        asking = asyncio.create_task(get(address))
        await begun.wait()
    await asyncio.wait_for(cancelled.wait(), PATIENCE_S)
    with suppress(aiohttp.ClientError):
        await asking


async def test_a_port_that_cannot_be_opened_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"127\.0\.0\.1:{port} cannot be opened \(Address"):
            async with serve_http(Routes(), "127.0.0.1", port):
                pytest.fail("two on one port")
    async with serve_http(Routes(), "localhost", 0) as address:
        assert address.startswith("http://")
