"""Starts the server of tools that does all that one should not, and looks at what it has done."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from bot.config.mcp import ToolServerSettings
from bot.mcp.calls_in_flight import Ask, Reply
from bot.mcp.connection import ServerConnection

PROGRAM = Path(__file__).with_name("tool_server.py")


def hostile(folder: Path, *options: str, **settings: Any) -> dict[str, Any]:
    """An entry of `mcp.servers` for the server as a child process."""
    arguments = [str(PROGRAM), "--record", str(folder / "record"), *options]
    return {"command": sys.executable, "args": arguments, **settings}


def recorded(folder: Path, word: str) -> list[str]:
    """What the server has noted under a word: `started`, `called`, `child`."""
    path = folder / "record"
    lines = path.read_text().splitlines() if path.exists() else []
    return [line.partition(" ")[2] for line in lines if line.startswith(f"{word} ")]


@contextmanager
def listening(folder: Path, *options: str, wanted: str = "") -> Iterator[str]:
    """The server over HTTP, started by us; yields its address."""
    file = folder / "port"
    command = [sys.executable, str(PROGRAM), "--http", str(file)]
    child = subprocess.Popen(
        [*command, "--record", str(folder / "record"), *options],
        stdin=subprocess.PIPE,
        env={**os.environ, "WANTED": wanted},
    )
    assert child.stdin is not None
    try:
        while not file.exists():
            assert child.poll() is None
            try:
                child.wait(0.02)
            except subprocess.TimeoutExpired:
                continue
        yield f"http://127.0.0.1:{file.read_text()}/mcp"
    finally:
        child.stdin.close()
        child.kill()
        child.wait()


class Using:
    """A connection, and what it was told of the tools."""

    def __init__(
        self,
        entry: Mapping[str, Any],
        given: Mapping[str, str] | None = None,
        start_s: float = 30.0,
    ) -> None:
        self.listed: list[Sequence[Any]] = []
        self.progress: list[tuple[float, float | None, str | None]] = []
        self.ask: Ask | None = None
        settings = ToolServerSettings.model_validate(entry)
        self.connection = ServerConnection(
            "hostile", settings, given or {}, self._listed, start_s=start_s
        )

    async def _listed(self, raw: Sequence[Any]) -> None:
        self.listed.append(raw)

    async def call(self, tool: str, **given: Any) -> Reply:
        async def note(progress: float, total: float | None, message: str | None) -> None:
            self.progress.append((progress, total, message))

        return await self.connection.call(tool, given, note, self.ask)

    async def text(self, tool: str, **given: Any) -> str:
        """The text of what a tool returned."""
        from bot.mcp.results import text_of

        reply = await self.call(tool, **given)
        assert reply.result is not None, reply.problem
        return text_of(reply.result)


@asynccontextmanager
async def using(entry: Mapping[str, Any], **more: Any) -> AsyncIterator[Using]:
    """Use a server; it is stopped at the end."""
    used = Using(entry, **more)
    try:
        yield used
    finally:
        await used.connection.aclose()
        assert not used.connection.running
        await asyncio.sleep(0)
