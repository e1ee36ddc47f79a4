"""Requests that no client of ours sends are answered in a sentence, or the connection ends."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from bot.control.client import ask
from bot.control.server import MAX_COMMANDS, MAX_CONNECTIONS, serve_control
from tests.hostile.requests import CONTROL_LINES


async def status() -> str:
    return "well"


def never() -> None:
    pytest.fail("nobody asked it to stop")


async def say(folder: Path, line: bytes) -> dict[str, object]:
    reader, writer = await asyncio.open_unix_connection(folder / "parlance.sock")
    writer.write(line)
    writer.write_eof()
    try:
        answer = await asyncio.wait_for(reader.read(), 10)
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
            assert await asyncio.wait_for(reader.read(), 10) == b""  # closed at once
        for _, writer in [*silent, *more]:
            writer.close()


async def test_commands_that_take_long_are_not_piled_up(tmp_path: Path) -> None:
    enough = asyncio.Event()
    async with serve_control(tmp_path, {"wait": enough.wait, "status": status}, never):
        asking = [asyncio.create_task(ask(tmp_path, "wait")) for _ in range(MAX_COMMANDS + 4)]
        done, _ = await asyncio.wait(asking, return_when=asyncio.FIRST_EXCEPTION)
        enough.set()
        results = await asyncio.gather(*asking, return_exceptions=True)
        assert done
        assert results.count(True) == MAX_COMMANDS
        assert await ask(tmp_path, "status") == "well"
