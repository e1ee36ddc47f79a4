"""`parlance mcp serve`: a process that MCP clients start, or reach with a token."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from tests.fakes.mcp_server import text_of
from tests.scenarios.process import ROOT, Folder
from tests.until import PATIENCE_S

GUIDE = "# Lamps\n\nThe lamp of the north pier burns every night from dusk until six.\n"
INITIALIZE = (
    b'{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": '
    b'"2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}}\n'
)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "lamps.md").write_text(GUIDE, "utf-8")
    folder = Folder(tmp_path)
    folder.configure(knowledge={"sync": [{"path": "docs"}]}, http={"port": 0})
    return folder


async def found(client: Client) -> str:
    """What the client finds, once the documents have been read."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            result = await client.call_tool("search_documents", {"query": "lamp north pier"})
            text = text_of(result)
            if "dusk" in text:
                return text
            await asyncio.sleep(0.1)


async def test_a_client_starts_it_and_asks_as_the_operator(folder: Folder) -> None:
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "bot", "mcp", "serve", "--stdio"],
        env=folder.environment,
        cwd=str(ROOT),
    )
    async with Client(server) as client:
        assert "ask" in {one.name for one in (await client.list_tools()).tools}
        assert "[1] Lamps" in await found(client)


async def test_a_signal_ends_it_while_its_client_says_nothing(folder: Folder) -> None:
    async with folder.started("mcp", "serve", "--stdio") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"this is no message\n" + b"[" * 200_000 + b"\n" + INITIALIZE)
        await process.stdin.drain()
        answer = b""
        while b'"id":1,' not in answer:
            answer = await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)
            assert answer, "it has ended"
        assert b"Parlance" in answer
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 15) == 0


async def test_a_token_of_the_terminal_lets_a_program_in(folder: Folder) -> None:
    async with folder.started("run") as process:
        out, _ = await asyncio.wait_for(process.communicate(b"/connect\n"), PATIENCE_S)
    token = re.findall(r"parlance_[\w-]{40,}", out.decode())[0]
    async with folder.started("mcp", "serve") as process:
        assert process.stderr is not None
        url = ""
        while not url:
            line = (await asyncio.wait_for(process.stderr.readline(), PATIENCE_S)).decode()
            assert line, "it has ended"
            url = "".join(re.findall(r"served at (http\S+/mcp)", line))
        headers = {"authorization": f"Bearer {token}"}
        async with (
            httpx2.AsyncClient(headers=headers, verify=False, timeout=PATIENCE_S) as http,
            Client(streamable_http_client(url, http_client=http)) as client,
        ):
            assert "[1] Lamps" in await found(client)
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 15) == 0
