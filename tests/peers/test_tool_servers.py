"""The official servers of tools from npm are listed, called, and ended."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bot.mcp.elicitation import Unanswerable, content_of, read_inquiry
from tests.fakes.tool_servers import using

pytestmark = pytest.mark.peers


def program(name: str, *arguments: str, **settings: Any) -> dict[str, Any]:
    """An entry of `mcp.servers` for a server from npm."""
    place = os.environ.get("TOOL_SERVERS")
    if not place:
        pytest.fail("TOOL_SERVERS names no folder; run `make test-peers`.")
    command = Path(place).resolve() / "node_modules" / ".bin" / name
    return {"command": str(command), "args": arguments, **settings}


async def test_everything() -> None:
    async with using(program("mcp-server-everything")) as server:
        assert await server.text("echo", message="hi") == "Echo: hi"
        assert "The sum of 2 and 3 is 5" in await server.text("get-sum", a=2, b=3)
        assert "[picture]" in await server.text("get-tiny-image")
        asked: list[str] = []

        async def ask(params: Any) -> tuple[str, Mapping[str, Any] | None]:
            with pytest.raises(Unanswerable, match="may be a secret"):  # it says "pin"
                read_inquiry("everything", params)
            del params.requested_schema["properties"]["integer"]
            inquiry = read_inquiry("everything", params)
            asked.append(inquiry.words)
            form = {one.name: one for one in inquiry.options}
            return "accept", content_of(inquiry, {"name": "Ann", "check": form["check"].default})

        server.ask = ask
        said = await server.text("trigger-elicitation-request")
        assert "Please provide inputs for the following fields:" in asked[0]
        assert "Ann" in said
        await server.call("trigger-long-running-operation", duration=1, steps=3)
        assert [done for done, _, _ in server.progress] == [1, 2, 3]
        refused = await server.call("get-sum", a="no number")
        assert refused.result is None or refused.result.is_error


async def test_filesystem(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("The lamp is on.")
    async with using(program("mcp-server-filesystem", str(tmp_path))) as server:
        path = str(tmp_path / "a.txt")
        assert await server.text("read_text_file", path=path) == "The lamp is on."
        outside = await server.call("read_text_file", path="/etc/passwd")
        assert outside.result is not None
        assert outside.result.is_error


async def test_memory(tmp_path: Path) -> None:
    variables = {"MEMORY_FILE_PATH": str(tmp_path / "memory.json")}
    ann = {"name": "Ann", "entityType": "person", "observations": ["likes tea"]}
    entry = program("mcp-server-memory", variables=variables)
    async with using(entry) as server:
        await server.call("create_entities", entities=[ann])
    async with using(entry) as server:
        assert "likes tea" in await server.text("read_graph")
