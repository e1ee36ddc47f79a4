"""MCP clients ask over HTTP, with the rights of the person whose token they have."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import httpx2
import mcp_types as types
import pytest
from mcp import MCPError
from sqlalchemy import select

from bot.history.tables import turns
from bot.mcp.server import VERSION
from tests.fakes.mcp_server import Served, serving, text_of
from tests.until import until

ERAS: tuple[Literal["auto", "legacy"], ...] = ("auto", "legacy")
LAMP = "# Lamps\n\nThe lamp of the north pier burns every night from dusk until six."
DIARY = "# Diary of Ann\n\nThe zebra of Ann is hidden in the cellar behind the barrels."
PLUGIN = '''
from bot.api import Option, Skill, Text, command, hookimpl, is_admin


@command("polls", tool=True)
async def polls(ctx, name: str, days: int = 7):
    """Open a poll."""
    yield Text(f"{ctx.author.name} opened {name} for {days} days.")


@command("wipe", tool=True, checks=is_admin)
async def wipe(ctx):
    """Wipe everything."""
    yield Text("Wiped.")


@command("quiet")
async def quiet(ctx):
    """Is no tool."""
    yield Text("Quiet.")


@hookimpl
def register_skills():
    return [Skill("polls", commands=(polls, wipe, quiet))]
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "polls.py").write_text(PLUGIN, "utf-8")
    return tmp_path


@pytest.fixture
async def served(folder: Path) -> AsyncIterator[Served]:
    slow = {"backend": "scripted", "replies": [{"match": "slowly", "text": "word " * 400}]}
    models = {"default": {**slow, "tokens_per_s": 20}, "embedder": {"backend": "scripted"}}
    async with serving(
        folder,
        "ann",
        "bob",
        plugins={"folders": ["plugins"]},
        models=models,
        limits={"quota_per_hour": 12},
    ) as served:
        await add(served, "lamps.md", LAMP)
        yield served


async def add(served: Served, name: str, text: str, base: str | None = None) -> None:
    async for _ in served.app.knowledge.add_bytes(name, text.encode(), base=base):
        pass


async def words(client: Any, tool: str, **arguments: Any) -> tuple[str, bool]:
    result = await client.call_tool(tool, arguments)
    return text_of(result), bool(result.is_error)


@pytest.mark.parametrize("era", ERAS)
async def test_documents_are_searched_read_and_asked(served: Served, era: str) -> None:
    async with served.client(await served.token(), era) as client:
        tools = {one.name: one for one in (await client.list_tools()).tools}
        assert {"search_documents", "read_document", "ask", "polls"} <= set(tools)
        assert not {"wipe", "quiet", "read_page", "add_document", "calculate"} & set(tools)
        assert tools["search_documents"].annotations == types.ToolAnnotations(
            read_only_hint=True, open_world_hint=False
        )
        assert "dusk until six" in (await words(client, "search_documents", query="lamp pier"))[0]
        assert "dusk until six" in (await words(client, "read_document", document="Lamps"))[0]
        found = await client.call_tool("ask", {"question": "When does the lamp burn at the pier?"})
        assert not found.is_error
        assert found.structured_content["sources"][0]["title"] == "Lamps"
        assert "[1] Lamps" in text_of(found)


async def test_commands_that_are_tools_are_done_in_the_persons_name(served: Served) -> None:
    async with served.client(await served.token("bob")) as client:
        assert await words(client, "polls", name="Lunch", days=3) == (
            "Bob opened Lunch for 3 days.", False
        )  # fmt: skip
        said, refused = await words(client, "polls", name="Lunch", days="many")
        assert refused
        assert "days" in said
        for tool, arguments in (
            ("wipe", {}),
            ("quiet", {}),
            ("tool:search_documents", {"query": "x"}),
            ("polls", {"name": ["a", "list"]}),
            ("read_document", {"document": "Lamps", "part": 99}),
            ("read_document", {}),
            ("search_documents", {"query": "x", "more": 1}),
        ):
            assert (await words(client, tool, **arguments))[1], tool


async def test_what_is_anothers_own_is_not_found(served: Served) -> None:
    await add(served, "diary.md", DIARY, base="@test:ann")
    async with served.client(await served.token("ann")) as client:
        assert "cellar" in (await words(client, "search_documents", query="zebra of Ann"))[0]
        assert "cellar" in (await words(client, "read_document", document="Diary of Ann"))[0]
    async with served.client(await served.token("bob")) as client:
        for tool, arguments in (
            ("search_documents", {"query": "zebra of Ann"}),
            ("read_document", {"document": "Diary of Ann"}),
            ("ask", {"question": "Where is the zebra of Ann hidden?"}),
            ("changed_documents", {"since": "7d"}),
        ):
            said, _ = await words(client, tool, **arguments)
            assert "cellar" not in said
            assert "Diary" not in said.replace("no document 'Diary of Ann'", "")


async def test_whom_the_platform_does_not_know_gets_nothing(served: Served) -> None:
    token = await served.token("ann")
    served.people.names.discard("ann")
    async with served.client(token) as client:
        said, refused = await words(client, "search_documents", query="lamp")
        assert refused
        assert "who you are" in said
        with pytest.raises(MCPError, match="who you are"):
            await client.list_tools()


async def test_limits_and_blocks_are_those_of_the_chat(served: Served) -> None:
    moderation = served.app.services.moderation
    assert moderation is not None
    async with served.client(await served.token("bob")) as client:
        for _ in range(12):
            assert not (await words(client, "search_documents", query="lamp"))[1]
        said, refused = await words(client, "search_documents", query="lamp")
        assert refused
        assert "12 questions an hour" in said
    async with served.client(await served.token("ann")) as client:
        await moderation.block("test:ann", "test:root")
        assert (await client.list_tools()).tools == []
        assert (await words(client, "search_documents", query="lamp"))[1]


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_that_gives_up_stops_its_turn(served: Served, era: str) -> None:
    open_turns = served.app.core.open_turns
    async with served.client(await served.token(), era) as client:
        asked = asyncio.create_task(
            client.call_tool(
                "ask", {"question": "Slowly: when does the lamp of the north pier burn?"}
            )
        )
        await until(lambda: len(open_turns))
        await asyncio.sleep(0.2)
        asked.cancel()
        await until(lambda: not len(open_turns))
        assert not (await words(client, "search_documents", query="lamp"))[1]
    async with served.app.database.read() as connection:
        states = (await connection.execute(select(turns.c.status))).scalars().all()
    assert "cancelled" in states


async def test_a_turn_is_stored_as_theirs_and_forgotten_with_them(served: Served) -> None:
    token = await served.token()
    async with served.client(token) as client:
        await words(client, "search_documents", query="lamp")
    assert served.app.services.forget is not None
    assert await served.app.services.forget("test:ann") == 2
    assert (await post(served, token)).status_code == 401


async def test_a_token_that_is_taken_back_ends_at_once(served: Served) -> None:
    token = await served.token()
    assert (await post(served, token)).status_code == 200
    await served.tokens.revoke("test:ann")
    assert (await post(served, token)).status_code == 401


async def test_a_session_is_of_no_use_to_another_person(served: Served) -> None:
    theirs = await post(served, await served.token("ann"))
    session = theirs.headers["mcp-session-id"]
    mine = await served.token("bob")
    ping = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    assert (await post(served, mine, ping, session)).status_code == 404


async def test_the_oldest_session_makes_room_for_one_too_many(served: Served) -> None:
    """A program that leaves its sessions open is not shut out, and does not take all there are."""
    token, list_tools = await served.token("bob"), {**INITIALIZE, "method": "tools/list"}
    found = [await post(served, token) for _ in range(17)]
    assert {one.status_code for one in found} == {200}
    names = [one.headers["mcp-session-id"] for one in found]
    assert (await post(served, token, list_tools, names[0])).status_code == 404
    assert (await post(served, token, list_tools, names[1])).status_code == 200


INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


async def post(
    served: Served, token: str, body: object = INITIALIZE, session: str = ""
) -> httpx2.Response:
    headers = {
        "authorization": f"Bearer {token}",
        "accept": "application/json, text/event-stream",
        **({"mcp-session-id": session} if session else {}),
    }
    async with httpx2.AsyncClient(verify=False) as http:
        return await http.post(served.url, json=body, headers=headers)


def test_the_version_is_told() -> None:
    assert re.fullmatch(r"\d+(\.\d+)*", VERSION)
