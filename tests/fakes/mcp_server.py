"""A whole bot that serves MCP on a free port, for people whom a platform knows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import yaml
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from bot.app import App, open_app
from bot.commands.checks import Asker
from bot.installation import Installation
from bot.mcp.tokens import PersonalTokens
from bot.ports import open_ports
from bot.types import Author, ConversationKey
from tests.fakes.platforms import FakePlatform
from tests.until import PATIENCE_S


class People(FakePlatform):
    """A platform that knows some people, each in their direct message."""

    def __init__(self, *names: str) -> None:
        super().__init__("test")
        self.names = set(names)
        self.connected = True

    async def asker_now(self, person: str, place: ConversationKey) -> Asker | None:
        name = person.partition(":")[2]
        if name not in self.names or place != home(name):
            return None
        return Asker(Author("test", name, name.title()), place, direct=True)


def text_of(result: Any) -> str:
    """What the result of a call says."""
    return "\n".join(one.text for one in result.content)


def home(name: str) -> ConversationKey:
    """The direct message of a person."""
    return ConversationKey("test", "@dm", name)


@dataclass(frozen=True, slots=True)
class Served:
    """A bot that serves MCP at `url`."""

    app: App
    people: People
    url: str

    @property
    def tokens(self) -> PersonalTokens:
        return PersonalTokens(self.app.database)

    async def token(self, name: str = "ann") -> str:
        """A new token of a person."""
        return await self.tokens.make(f"test:{name}", home(name))

    @asynccontextmanager
    async def client(self, token: str, mode: Any = "auto") -> AsyncIterator[Client]:
        """A client that comes with a token."""
        headers = {"authorization": f"Bearer {token}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=PATIENCE_S, verify=False) as http,
            Client(streamable_http_client(self.url, http_client=http), mode=mode) as client,
        ):
            yield client


def write(folder: Path, sections: dict[str, Any]) -> Installation:
    """Write config.yaml and read it."""
    said = {
        "models": {"default": {"backend": "scripted"}, "embedder": {"backend": "scripted"}},
        "embedder": "embedder",
        "http": {"port": 0},
        "mcp": {"serve": True},
        **sections,
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(said), "utf-8")
    return Installation.read(path)


@asynccontextmanager
async def serving(folder: Path, *names: str, **sections: Any) -> AsyncIterator[Served]:
    """Run a bot for people of these names, with these sections of config.yaml besides."""
    here = await asyncio.to_thread(write, folder, sections)
    people = People(*names)
    async with open_app(here) as app, open_ports(app, [people], lambda: None) as ports:
        with app.core.connect(people):
            yield Served(app, people, f"{ports.http}/mcp")
