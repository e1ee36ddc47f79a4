"""One server of tools of config.yaml: what it offers, to whom, and its connections.

Where each person logs in by themselves, each is offered what their own login is shown.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import structlog

from backends.lru import LruDict
from bot.config.mcp import ToolServerSettings
from bot.mcp.errors import BOT_IS_ENDING, ServerUnavailable, without_secrets
from bot.mcp.listing import ListedTool, Listing
from bot.mcp.listing_file import ListingFile
from bot.mcp.safe_schema import one_line
from bot.skills.tool import Effect

if TYPE_CHECKING:
    import httpx2

    from bot.mcp.connection import ServerConnection

log = structlog.get_logger(__name__)

_CLIENT_MODULE: Final = "bot.mcp.connection"
MAX_LISTED_PEOPLE: Final = 500
"""Most people whose own tools of one server are kept; those of the others are asked for again."""

Secret = Callable[[str], str | None]
AuthOf = Callable[[str, str], Awaitable["httpx2.Auth | None"]]
"""`await auth_of(server, person)` is what logs a person in to a server over HTTP; None: nothing
does, and its headers are all that it is sent."""


async def no_login(server: str, person: str) -> httpx2.Auth | None:
    """The default of `ToolServers(auth_of=)`: nobody is logged in anywhere."""
    return None


@dataclass(frozen=True, slots=True)
class ServerState:
    """How a server is. `where` is its program, or its address without what follows the host;
    `running` says that it is started, `listed` that it has named its tools at least once. `missing`
    are the secrets without which it is not started, `changed` the tools that the operator has to
    accept again, `problems` say which are left out."""

    name: str
    where: str
    running: bool
    listed: bool
    tools: int
    by_person: bool
    missing: Sequence[str] = ()
    changed: Sequence[str] = ()
    problems: Sequence[str] = ()


@dataclass(slots=True)
class ToolServer:
    """A server with its connections by person (`Author.key`), or by "" for everybody.

    `listing` is what it last said of its tools to anybody, `own_listings` what it said to a person
    where each logs in.
    """

    name: str
    settings: ToolServerSettings
    file: ListingFile
    secret: Secret = field(repr=False)
    auth_of: AuthOf = field(repr=False)
    listing: Listing | None = None
    own_listings: LruDict[str, Listing] = field(default_factory=lambda: LruDict(MAX_LISTED_PEOPLE))
    connections: dict[str, ServerConnection] = field(default_factory=dict)
    closed: bool = False

    @property
    def by_person(self) -> bool:
        """Whether each person logs in to it by themselves."""
        return self.settings.login

    @property
    def state(self) -> ServerState:
        """How it is now; starts nothing."""
        listing, settings = self.listing, self.settings
        return ServerState(
            self.name,
            settings.command or urlsplit(settings.url or "").netloc,
            any(one.running for one in self.connections.values()),
            listing is not None,
            sum(1 for _ in self.offered(None)),
            self.by_person,
            self._missing_secrets(),
            sorted(listing.changed) if listing is not None else (),
            listing.problems if listing is not None else (),
        )

    def _missing_secrets(self) -> Sequence[str]:
        return [name for name in self.settings.secret_names if self.secret(name) is None]

    def listing_for(self, person: str | None) -> Listing | None:
        """What it last said of its tools to this person; None where it was not asked yet. Without a
        person what it last said to anybody."""
        if person is None or not self.by_person:
            return self.listing
        return self.own_listings.get(person)

    def offered(self, person: str | None) -> Iterator[ListedTool]:
        """The tools that the operator wants, of those that a person is shown."""
        listing = self.listing_for(person)
        wanted, without = self.settings.tools, self.settings.without
        for tool in listing.tools if listing is not None else ():
            if (wanted is None or tool.name in wanted) and tool.name not in without:
                yield tool

    def effect_of(self, tool: ListedTool) -> Effect:
        """What a call does: it is taken to leave the house unless the operator says otherwise."""
        looks = tool.name in self.settings.read or (self.settings.trust_hints and tool.looks)
        return "read" if looks else "outward"

    def open_to(self, tool: ListedTool, person: str | None = None) -> str:
        """Who may have a tool used: `everybody`, `admins`, or `changed`, which is admins until the
        operator has accepted it again."""
        listing = self.listing_for(person)
        if listing is not None and tool.name in listing.changed:
            return "changed"
        return "everybody" if self.settings.open else "admins"

    async def connection(self, person: str) -> ServerConnection:
        """The connection for a person: their own where they are logged in to the server by
        themselves, else the one that all share. Raises `ServerUnavailable`."""
        if missing := self._missing_secrets():
            raise ServerUnavailable(self.name, without_secrets(missing))
        auth = await self.auth_of(self.name, person) if self.settings.url else None
        module = await asyncio.to_thread(importlib.import_module, _CLIENT_MODULE)
        if self.closed:
            raise ServerUnavailable(self.name, BOT_IS_ENDING)
        key = person if auth is not None else ""
        for other, idle in list(self.connections.items()):
            if other != key and not idle.running:
                del self.connections[other]
        if key not in self.connections:
            given = {name: self.secret(name) or "" for name in self.settings.secret_names}

            async def take(raw: Sequence[Any]) -> None:
                await self._take(key, raw)

            self.connections[key] = module.ServerConnection(
                self.name, self.settings, given, take, auth
            )
        return self.connections[key]

    async def disconnect(self, person: str) -> None:
        """End a person's own connection, and forget what they were shown."""
        self.own_listings.pop(person)
        connection = self.connections.pop(person, None)
        if connection is not None:
            await connection.aclose()

    async def aclose(self) -> None:
        """End all connections; none is made again."""
        self.closed = True
        await asyncio.gather(*(one.aclose() for one in self.connections.values()))

    @property
    def last_words(self) -> str:
        """The end of what its processes wrote to standard error; empty if nothing."""
        said = (one.last_words for one in self.connections.values())
        return next((words for words in said if words), "")

    async def _take(self, person: str, raw: Sequence[Any]) -> None:
        """Take up what it says of its tools, to a person or to everybody ("")."""
        before = self.listing
        self.listing = await asyncio.to_thread(self.file.keep, raw)
        if self.by_person:
            self.own_listings[person] = self.listing
        for problem in self.listing.problems:
            if before is None or problem not in before.problems:
                log.warning("mcp.tool_left_out", server=self.name, why=problem)
        known = frozenset() if before is None else before.changed
        for tool in sorted(self.listing.changed - known):
            log.warning("mcp.tool_changed", server=self.name, tool=one_line(tool, 100))
