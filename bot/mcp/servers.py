"""The servers of tools of config.yaml: what they offer, to whom, and how a call reaches them.

A tool is offered by what its server last said of it, so no server needs to run before one is
called. What a server says is never believed: not of what a tool does, nor in a description.
"""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog

from bot.catalogue.sentence import say
from bot.commands.authorization import Request
from bot.commands.checks import Decision, is_admin
from bot.config.mcp import ToolServerSettings
from bot.mcp.errors import BOT_IS_ENDING, ServerUnavailable, without_secrets
from bot.mcp.listing import ListedTool, Listing
from bot.mcp.listing_file import ListingFile
from bot.mcp.safe_schema import one_line
from bot.mcp.wording import declined_words, progress_words
from bot.skills.context import Context
from bot.skills.tool import AgentTool, Effect, ToolResult
from bot.types import Notice, Status

if TYPE_CHECKING:
    import httpx2

    from bot.mcp.connection import Reply, ServerConnection

log = structlog.get_logger(__name__)

FOLDER_NAME: Final = "mcp"
"""Where in the data folder it is kept what the servers said."""
_CLIENT_MODULE: Final = "bot.mcp.connection"
_RESULTS_MODULE: Final = "bot.mcp.results"
_START_S: Final = 35.0
"""What the start of a server may add to the time of a call, in seconds."""
_MAX_RESULT_CHARACTERS: Final = 16_000
_STATUS_PAUSE_S: Final = 1.0

Secret = Callable[[str], str | None]
AuthOf = Callable[[str, str], Awaitable["httpx2.Auth | None"]]
"""`await auth_of(server, person)` is what logs a person in to a server over HTTP; None: nothing
does, and its headers are all that it is sent."""


async def no_login(server: str, person: str) -> httpx2.Auth | None:
    """The default of `ToolServers(auth_of=)`: nobody is logged in anywhere."""
    return None


@dataclass(slots=True)
class _Server:
    """One server: what is configured, what it offers, and its connections by person, or by "" for
    everybody."""

    name: str
    settings: ToolServerSettings
    file: ListingFile
    listing: Listing | None = None
    connections: dict[str, ServerConnection] = field(default_factory=dict)

    def offers(self, tool: str) -> bool:
        """Whether the operator wants this tool."""
        wanted = self.settings.tools
        return (wanted is None or tool in wanted) and tool not in self.settings.without

    def effect_of(self, tool: ListedTool) -> Effect:
        """What a call does: it is taken to leave the house unless the operator says otherwise."""
        looks = tool.name in self.settings.read or (self.settings.trust_hints and tool.looks)
        return "read" if looks else "outward"


class ToolServers:
    """All servers. Within `async with` they can be used; at its end none runs any more.

    `folder` is the data folder. `taken` are the names of tools that no server may have.
    """

    def __init__(
        self,
        settings: Mapping[str, ToolServerSettings],
        folder: Path,
        secret: Secret,
        taken: Collection[str] = (),
        auth_of: AuthOf = no_login,
    ) -> None:
        kept, reserved = folder / FOLDER_NAME, frozenset(taken)
        self._servers = {
            name: _Server(name, one, ListingFile(kept, name, one, reserved))
            for name, one in settings.items()
        }
        self._secret, self._auth_of = secret, auth_of
        self._tools: dict[str, tuple[_Server, ListedTool, AgentTool]] = {}
        self._closed = False

    async def __aenter__(self) -> ToolServers:
        for server in self._servers.values():
            server.listing = await asyncio.to_thread(server.file.read)
        self._offer()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closed = True
        running = [one for server in self._servers.values() for one in server.connections.values()]
        await asyncio.gather(*(one.aclose() for one in running))

    @property
    def names(self) -> Sequence[str]:
        """The names of the servers."""
        return tuple(self._servers)

    @property
    def tools(self) -> Sequence[AgentTool]:
        """What the servers offer, as far as they were asked already."""
        return [tool for _, _, tool in self._tools.values()]

    def listing(self, server: str) -> Listing | None:
        """What a server last said of its tools."""
        return self._servers[server].listing

    def offered(self, server: str) -> Sequence[tuple[ListedTool, AgentTool, str]]:
        """The tools of a server that are offered, each with who may have it used: `everybody`,
        `admins`, or `changed`, which is admins until the operator has accepted it again."""
        return [
            (listed, tool, self._open_to(one, listed))
            for one, listed, tool in self._tools.values()
            if one.name == server
        ]

    async def list_new(self) -> None:
        """Ask each server for its tools that was not known before, one after another."""
        for server in self._servers.values():
            if server.listing is None:
                try:
                    await self.refresh(server.name)
                except ServerUnavailable as error:
                    log.warning("mcp.not_listed", server=server.name, why=error.why)

    async def refresh(self, server: str, person: str = "") -> Listing:
        """Start a server, unless it runs, and return what it says of its tools, to a person where
        each logs in by themselves. Raises `ServerUnavailable`."""
        connection = await self._connection(self._servers[server], person)
        await connection.start()
        found = self._servers[server].listing
        assert found is not None
        return found

    async def disconnect(self, server: str, person: str) -> None:
        """End a person's own connection to a server, which holds what they logged in with."""
        connection = self._servers[server].connections.pop(person, None)
        if connection is not None:
            await connection.aclose()

    def accept(self, server: str) -> frozenset[str]:
        """Accept the tools of a server as they were last described; returns the names of those that
        had changed. Reads and writes a file."""
        return self._servers[server].file.accept()

    async def try_tool(self, server: str, tool: str, given: Mapping[str, Any]) -> ToolResult:
        """Call a tool for the operator, whom nobody needs to ask."""

        async def ignore(progress: float, total: float | None, message: str | None) -> None:
            """It is not shown."""

        connection = await self._connection(self._servers[server], "")
        return await self._result(server, await connection.call(tool, given, ignore))

    async def decide(self, request: Request) -> Decision | None:
        """Who may have the tool of a server used: admins, and whom it was opened for, by the
        operator for everybody or by a rule for exactly this tool."""
        found = self._tools.get(request.argument)
        if found is None or request.asker.admin:
            return None
        server, listed, _ = found
        opened = self._open_to(server, listed)
        if opened == "changed":
            words = say("This tool has changed; whoever runs me has to look at it first.")
            return Decision(False, words)
        return None if opened == "everybody" or request.ruled else is_admin.decide(request.asker)

    # --- what is offered ----------------------------------------------------------------------

    @staticmethod
    def _open_to(server: _Server, tool: ListedTool) -> str:
        if server.listing is not None and tool.name in server.listing.changed:
            return "changed"
        return "everybody" if server.settings.open else "admins"

    def _offer(self) -> None:
        self._tools = {
            listed.called: (server, listed, self._tool(server, listed))
            for server in self._servers.values()
            if server.listing is not None
            for listed in server.listing.tools
            if server.offers(listed.name)
        }

    def _tool(self, server: _Server, listed: ListedTool) -> AgentTool:
        effect = server.effect_of(listed)

        async def run(ctx: Context, /, **given: Any) -> ToolResult:
            return await self._call(ctx, server, listed, given)

        return AgentTool(
            name=listed.called,
            description=listed.description or listed.name,
            handler=run,
            parameters=listed.parameters,
            effect=effect,
            timeout_s=server.settings.timeout_s + _START_S,
            result_characters=_MAX_RESULT_CHARACTERS,
            repeatable=effect == "read",
            results="server",
            status=say("Asking {server}", server=server.name),
            plugin=f"mcp {server.name}",
        )

    async def _take(self, server: _Server, raw: Sequence[Any]) -> None:
        """Take up what a server says of its tools."""
        before = server.listing
        server.listing = await asyncio.to_thread(server.file.keep, raw)
        self._offer()
        for problem in server.listing.problems:
            if before is None or problem not in before.problems:
                log.warning("mcp.tool_left_out", server=server.name, why=problem)
        known = frozenset() if before is None else before.changed
        for tool in sorted(server.listing.changed - known):
            log.warning("mcp.tool_changed", server=server.name, tool=one_line(tool, 100))

    # --- a call -------------------------------------------------------------------------------

    async def _call(
        self, ctx: Context, server: _Server, tool: ListedTool, given: Mapping[str, Any]
    ) -> ToolResult:
        connection = await self._connection(server, ctx.author.key)
        shown_at = 0.0

        async def show(progress: float, total: float | None, message: str | None) -> None:
            nonlocal shown_at
            if time.monotonic() - shown_at >= _STATUS_PAUSE_S:
                shown_at = time.monotonic()
                await ctx.say(
                    Status("working", text=progress_words(server.name, progress, total, message))
                )

        reply = await connection.call(tool.name, given, show)
        for words in reply.asked[:1]:
            await ctx.say(Notice(declined_words(server.name, words), "footer"))
        return await self._result(server.name, reply)

    @staticmethod
    async def _result(server: str, reply: Reply) -> ToolResult:
        """What the model reads of what came back."""
        if reply.result is None:
            return ToolResult(reply.problem, name=server, failed=True)
        results = await asyncio.to_thread(importlib.import_module, _RESULTS_MODULE)
        text = await asyncio.to_thread(results.text_of, reply.result)
        return ToolResult(text, name=server, failed=bool(reply.result.is_error))

    async def _connection(self, server: _Server, person: str) -> ServerConnection:
        """The connection for a person: their own where they are logged in to the server by
        themselves, else the one that all share. Raises `ServerUnavailable`."""
        missing = [name for name in server.settings.secret_names if self._secret(name) is None]
        if missing:
            raise ServerUnavailable(server.name, without_secrets(missing))
        auth = await self._auth_of(server.name, person) if server.settings.url else None
        module = await asyncio.to_thread(importlib.import_module, _CLIENT_MODULE)
        if self._closed:
            raise ServerUnavailable(server.name, BOT_IS_ENDING)
        key = person if auth is not None else ""
        for other, idle in list(server.connections.items()):
            if other != key and not idle.running:
                del server.connections[other]
        if key not in server.connections:
            given = {name: self._secret(name) or "" for name in server.settings.secret_names}

            async def take(raw: Sequence[Any]) -> None:
                await self._take(server, raw)

            server.connections[key] = module.ServerConnection(
                server.name, server.settings, given, take, auth
            )
        return server.connections[key]

    def last_words(self, server: str) -> str:
        """The end of what a server wrote to standard error; empty if it wrote nothing."""
        said = (one.last_words for one in self._servers[server].connections.values())
        return next((words for words in said if words), "")
