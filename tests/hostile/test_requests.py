"""Requests that no client of ours sends are answered in a sentence, or the connection ends."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from bot.adapters.slack.transport.http_mode import EVENTS_PATH, HttpEndpoint
from bot.adapters.slack.transport.timing import Timing
from bot.control.client import ask, stop
from bot.control.protocol import ControlError
from bot.control.server import MAX_COMMANDS, MAX_CONNECTIONS, serve_control
from bot.http.messages import Request, Response, endpoint
from bot.http.routes import Routes
from bot.http.server import HttpLimits, serve_http
from tests.hostile.requests import CONTROL_LINES, REFUSED_HEADS, SLOW_CLIENTS
from tests.until import PATIENCE_S, until


async def status() -> str:
    return "well"


def never() -> None:
    pytest.fail("nobody asked it to stop")


async def say(folder: Path, line: bytes) -> dict[str, object]:
    reader, writer = await asyncio.open_unix_connection(folder / "parlance.sock")
    writer.write(line)
    writer.write_eof()
    try:
        answer = await asyncio.wait_for(reader.read(), PATIENCE_S)
    except ConnectionError:  # it was closed before all was read
        answer = b'{"error": "It ended."}'
    finally:
        writer.close()
    found: dict[str, object] = json.loads(answer)
    return found


@pytest.mark.parametrize("line", CONTROL_LINES.values(), ids=CONTROL_LINES.keys())
async def test_a_wrong_line_is_answered_in_a_sentence(tmp_path: Path, line: bytes) -> None:
    async with serve_control(tmp_path, {"status": status}, never):
        answer = await say(tmp_path, line)
        assert str(answer["error"]).endswith(".")
        assert await ask(tmp_path, "status") == "well"


async def test_connections_that_say_nothing_do_not_keep_others_out(tmp_path: Path) -> None:
    async with serve_control(tmp_path, {"status": status}, never):
        silent = [
            await asyncio.open_unix_connection(tmp_path / "parlance.sock")
            for _ in range(MAX_CONNECTIONS - 1)
        ]
        assert await ask(tmp_path, "status") == "well"
        more = [await asyncio.open_unix_connection(tmp_path / "parlance.sock") for _ in range(3)]
        for reader, _ in more[1:]:
            assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""  # closed at once
        for _, writer in [*silent, *more]:
            writer.close()


async def test_commands_that_take_long_are_not_piled_up(tmp_path: Path) -> None:
    enough = asyncio.Event()
    async with serve_control(tmp_path, {"wait": enough.wait, "status": status}, never):
        asking = [asyncio.create_task(ask(tmp_path, "wait")) for _ in range(MAX_COMMANDS + 4)]
        for refused in asyncio.as_completed(asking):
            with pytest.raises(ControlError):
                await refused
            if sum(task.done() for task in asking) == 4:  # the others are let in, and wait
                break
        enough.set()
        results = await asyncio.gather(*asking, return_exceptions=True)
        assert results.count(True) == MAX_COMMANDS
        assert await ask(tmp_path, "status") == "well"


@pytest.mark.parametrize("line", CONTROL_LINES.values(), ids=CONTROL_LINES.keys())
async def test_a_wrong_answer_is_told_in_a_sentence(tmp_path: Path, line: bytes) -> None:
    def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(line)
        writer.close()

    async with await asyncio.start_unix_server(answer, tmp_path / "parlance.sock"):
        with pytest.raises(ControlError, match=r"\.$"):
            await ask(tmp_path, "status")
        with pytest.raises(ControlError, match=r"\.$"):
            await stop(tmp_path, within_s=1)


def routes() -> Routes:
    async def health(_: Request) -> Response:
        return Response(body=b"well")

    async def large(_: Request) -> Response:
        return Response(body=b"x" * 50_000_000)

    made = Routes()
    made.mount("/health", endpoint("GET", health))
    made.mount("/large", endpoint("GET", large))
    made.mount(EVENTS_PATH, HttpEndpoint("a secret", Timing(request=0.3)))
    return made


async def connect(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = address.removeprefix("http://").partition(":")
    return await asyncio.open_connection(host, int(port))


async def is_well(address: str) -> bool:
    reader, writer = await connect(address)
    writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), PATIENCE_S)
    writer.close()
    return answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"well")


@pytest.mark.parametrize("sent", REFUSED_HEADS.values(), ids=REFUSED_HEADS.keys())
async def test_a_wrong_request_is_refused(sent: bytes) -> None:
    limits = HttpLimits(head_s=600)  # it is not its slowness that is refused
    async with serve_http(routes(), "127.0.0.1", 0, limits) as address:
        reader, writer = await connect(address)
        writer.write(sent)
        try:
            status = (await asyncio.wait_for(reader.readline(), PATIENCE_S)).split()[1:2]
        except ConnectionError:
            status = []
        finally:
            writer.close()
        assert status in ([], [b"400"], [b"413"], [b"503"])
        assert await is_well(address)


@pytest.mark.parametrize("pieces", SLOW_CLIENTS.values(), ids=SLOW_CLIENTS.keys())
async def test_a_client_that_keeps_the_server_waiting_is_left(pieces: list[bytes]) -> None:
    limits = HttpLimits(head_s=0.4, keep_alive_s=1)
    async with serve_http(routes(), "127.0.0.1", 0, limits) as address:
        reader, writer = await connect(address)

        sent = 0

        async def dawdle() -> None:
            nonlocal sent
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                sent += 1
                await asyncio.sleep(0.02)

        dawdling = asyncio.create_task(dawdle())
        try:
            async with asyncio.timeout(PATIENCE_S):
                while await reader.read(1000):
                    pass
        except ConnectionError:
            pass  # closed without ceremony
        finally:
            dawdling.cancel()
            await asyncio.gather(dawdling, return_exceptions=True)
            writer.close()
        assert sent < 900, "it was not left before all was sent"
        assert await is_well(address)


async def test_a_client_that_takes_no_answer_is_left_at_the_end() -> None:
    limits = HttpLimits(shutdown_s=1)
    async with serve_http(routes(), "127.0.0.1", 0, limits) as address:
        _, writer = await connect(address)
        writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        await writer.drain()
        assert await is_well(address)
    writer.transport.abort()


async def test_too_many_connections_are_refused_and_do_no_harm() -> None:
    limits = HttpLimits(connections=4, head_s=3)
    async with serve_http(routes(), "127.0.0.1", 0, limits) as address:
        opened = [await connect(address) for _ in range(5)]
        reader, writer = opened[-1]
        writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"503" in await asyncio.wait_for(reader.readline(), PATIENCE_S)
        await until(lambda: is_well(address))
        for _, other in opened:
            other.close()
