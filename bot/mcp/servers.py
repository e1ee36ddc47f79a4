"""The servers of tools of config.yaml: what they offer, to whom, and how a call reaches them.

A tool is offered by what its server last said of it, so no server needs to run before one is
called. What a server says is never believed: not of what a tool does, nor in a description.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import structlog

from bot.catalogue.sentence import say
from bot.commands.authorization import Request
from bot.commands.checks import Decision, is_admin
from bot.config.mcp import ToolServerSettings
from bot.mcp.errors import ServerUnavailable
from bot.mcp.listing import ListedTool, Listing
from bot.mcp.listing_file import ListingFile
from bot.mcp.server_call import call_in_chat, result_of
from bot.mcp.tool_server import AuthOf, Secret, ServerState, ToolServer, no_login
from bot.skills.context import Context
from bot.skills.inquiry import INQUIRY_LIFETIME_S, MAX_INQUIRIES_PER_CALL
from bot.skills.tool import AgentTool, ToolResult

log = structlog.get_logger(__name__)

FOLDER_NAME: Final = "mcp"
"""Where in the data folder it is kept what the servers said."""
_ADDED_S: Final = 35.0 + MAX_INQUIRIES_PER_CALL * (INQUIRY_LIFETIME_S + 5)
"""What the start of a server, and people whom it asks, may add to the time of a call, in
seconds."""
_MAX_RESULT_CHARACTERS: Final = 16_000
_LIST_WAIT_S: Final = 10.0
"""How long a turn waits for what a server says of its tools to a person, in seconds."""


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
            name: ToolServer(name, one, ListingFile(kept, name, one, reserved), secret, auth_of)
            for name, one in settings.items()
        }

    async def __aenter__(self) -> ToolServers:
        for server in self._servers.values():
            server.listing = await asyncio.to_thread(server.file.read)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(server.aclose() for server in self._servers.values()))

    @property
    def names(self) -> Sequence[str]:
        """The names of the servers."""
        return tuple(self._servers)

    def tools(self, person: str | None = None) -> Sequence[AgentTool]:
        """What the servers offer to a person, as far as they were asked already; without one, what
        they offered last to anybody."""
        return [self._tool(*one) for one in self._offered(person).values()]

    def listing(self, server: str) -> Listing | None:
        """What a server last said of its tools."""
        return self._servers[server].listing

    def offered(self, server: str) -> Sequence[tuple[ListedTool, AgentTool, str]]:
        """The tools of a server that are offered, each with who may have it used: `everybody`,
        `admins`, or `changed`, which is admins until the operator has accepted it again."""
        one = self._servers[server]
        return [(tool, self._tool(one, tool), one.open_to(tool)) for tool in one.offered(None)]

    async def list_new(self) -> None:
        """Ask each server for its tools that was not known before, one after another; not those at
        which people log in."""
        for server in self._servers.values():
            if server.listing is None and not server.by_person:
                await self._try_to_list(server.name, "")

    async def list_for(self, person: str) -> None:
        """Ask the servers at which a person is logged in for what they offer to them, unless that
        is known; those that take long are left out this time."""
        unknown = [
            server.name
            for server in self._servers.values()
            if server.by_person
            and server.listing_for(person) is None
            and await server.auth_of(server.name, person) is not None
        ]
        if unknown:
            await asyncio.gather(*(self._try_to_list(name, person) for name in unknown))

    async def _try_to_list(self, server: str, person: str) -> None:
        try:
            async with asyncio.timeout(_LIST_WAIT_S if person else None):
                await self.refresh(server, person)
        except ServerUnavailable as error:
            log.warning("mcp.not_listed", server=server, why=error.why)
        except TimeoutError:
            log.warning("mcp.not_listed", server=server, why="it took too long")

    async def refresh(self, server: str, person: str = "") -> Listing:
        """Start a server, unless it runs, and return what it says of its tools, to a person where
        each logs in by themselves. Raises `ServerUnavailable`."""
        one = self._servers[server]
        await (await one.connection(person)).start()
        found = one.listing
        assert found is not None
        return found

    async def disconnect(self, server: str, person: str) -> None:
        """End a person's own connection to a server, which holds what they logged in with."""
        await self._servers[server].disconnect(person)

    def accept(self, server: str) -> frozenset[str]:
        """Accept the tools of a server as they were last described; returns the names of those that
        had changed. Reads and writes a file."""
        return self._servers[server].file.accept()

    async def try_tool(self, server: str, tool: str, given: Mapping[str, Any]) -> ToolResult:
        """Call a tool for the operator, whom nobody needs to ask."""

        async def ignore(progress: float, total: float | None, message: str | None) -> None:
            """It is not shown."""

        connection = await self._servers[server].connection("")
        return await result_of(server, await connection.call(tool, given, ignore))

    async def decide(self, request: Request) -> Decision | None:
        """Who may have the tool of a server used: admins, and whom it was opened for, by the
        operator for everybody or by a rule for exactly this tool."""
        person = request.asker.author.key
        found = self._offered(person).get(request.argument)
        if found is None or request.asker.admin:
            return None
        server, listed = found
        opened = server.open_to(listed, person)
        if opened == "changed":
            words = say("This tool has changed; whoever runs me has to look at it first.")
            return Decision(False, words)
        return None if opened == "everybody" or request.ruled else is_admin.decide(request.asker)

    def state(self, server: str) -> ServerState:
        """How a server is now; starts nothing."""
        return self._servers[server].state

    def last_words(self, server: str) -> str:
        """The end of what a server wrote to standard error; empty if it wrote nothing."""
        return self._servers[server].last_words

    # --- what is offered ----------------------------------------------------------------------

    def _offered(self, person: str | None) -> dict[str, tuple[ToolServer, ListedTool]]:
        return {
            listed.called: (server, listed)
            for server in self._servers.values()
            for listed in server.offered(person)
        }

    @staticmethod
    def _tool(server: ToolServer, listed: ListedTool) -> AgentTool:
        effect = server.effect_of(listed)

        async def run(ctx: Context, /, **given: Any) -> ToolResult:
            return await call_in_chat(ctx, server, listed.name, given)

        return AgentTool(
            name=listed.called,
            description=listed.description or listed.name,
            handler=run,
            parameters=listed.parameters,
            effect=effect,
            timeout_s=server.settings.timeout_s + _ADDED_S,
            result_characters=_MAX_RESULT_CHARACTERS,
            repeatable=effect == "read",
            results="server",
            status=say("Asking {server}", server=server.name),
            plugin=f"mcp {server.name}",
        )
