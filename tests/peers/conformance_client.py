"""The client that MCP's conformance suite starts: our connection to a server, and our logins.

The suite's authorization servers are on other ports without TLS, where our own transport does not
follow; so with a login the requests are sent by a plain one.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult

from bot.commands.declaration import Command
from bot.config.mcp import ToolServerSettings
from bot.mcp.connection import ServerConnection
from bot.mcp.elicitation import content_of, read_inquiry
from bot.mcp.login_store import GivenClient, LoginStore
from bot.mcp.oauth import PersonLogin, PersonStore, code_result
from bot.mcp.sealed import Sealer, make_key
from bot.storage.database import Database
from bot.types import Part
from tests.until import PATIENCE_S

DESCRIBED_AT = "https://conformance-test.local/client-metadata.json"
"""The address that the suite knows; ours is `/mcp/client.json`."""
CALLBACK = "http://localhost:3000/mcp/callback"
PERSON = "test:suite"
VALUES: Mapping[str, Any] = {"number": 5, "integer": 5, "boolean": True}


def arguments(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Something for each argument of a tool."""
    properties: Mapping[str, Any] = schema.get("properties", {})
    return {name: VALUES.get(str(one.get("type")), "x") for name, one in properties.items()}


def given_client() -> GivenClient | None:
    """The client that the suite has registered, where it says so."""
    context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
    if "client_id" not in context or "private_key_pem" in context:
        return None
    return GivenClient(context["client_id"], context.get("client_secret", ""))


def no_handler(ctx: Any, /, **options: Any) -> AsyncIterator[Part]:
    raise NotImplementedError


async def without_login(url: str) -> None:
    """List the tools and call each, as a model would have it done."""
    raw: list[Any] = []

    async def take(tools: Sequence[Any]) -> None:
        raw.extend(tools)

    async def ignore(progress: float, total: float | None, message: str | None) -> None:
        """Nobody looks."""

    async def send_at_once(params: Any) -> tuple[str, Mapping[str, Any] | None]:
        """A person who changes nothing in the form."""
        inquiry = read_inquiry("suite", params)
        form = Command("answer", "", inquiry.options, no_handler)
        return "accept", content_of(inquiry, form.bind({}, partial=True))

    settings = ToolServerSettings(url=url)
    connection = ServerConnection("suite", settings, {}, take)
    await connection.start()
    for tool in list(raw):
        await connection.call(tool["name"], arguments(tool["inputSchema"]), ignore, send_at_once)
    await connection.aclose()


async def with_login(url: str, store: PersonStore) -> None:
    """Log in as a person does, in a browser that agrees at once, and call each tool."""
    came: asyncio.Queue[AuthorizationCodeResult] = asyncio.Queue()

    async def browse(link: str) -> None:
        async with httpx2.AsyncClient(trust_env=False) as browser:
            answer = await browser.get(link)
        given = {k: v[0] for k, v in parse_qs(urlsplit(answer.headers["location"]).query).items()}
        came.put_nowait(code_result(given["code"], given.get("state", ""), given.get("iss")))

    auth = PersonLogin(url, CALLBACK, store, browse, came.get, DESCRIBED_AT)
    async with (
        httpx2.AsyncClient(auth=auth, trust_env=False, timeout=PATIENCE_S) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        for tool in (await client.list_tools()).tools:
            await client.call_tool(tool.name, arguments(tool.input_schema))


async def main(url: str) -> None:
    if not os.environ.get("MCP_CONFORMANCE_SCENARIO", "").startswith("auth/"):
        await without_login(url)
        return
    with tempfile.TemporaryDirectory() as folder:
        database = await Database.open(Path(folder) / "parlance.db")
        try:
            kept = LoginStore(database, Sealer(make_key()))
            await with_login(url, PersonStore(kept, "suite", PERSON, given_client()))
        finally:
            await database.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[-1]))
