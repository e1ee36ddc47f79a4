"""Parlance as a server for MCP clients: lists what a person may have done, and does it.

Imported only where it is served, since the SDK takes most of a second.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, TextIO, cast

import anyio
import mcp_types as types
import structlog
from mcp import MCPError
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from bot.adapters.lookup_cache import LookupCache
from bot.commands.checks import Asker
from bot.mcp.server_reply import is_refused, reply_text, source_values
from bot.mcp.server_tools import OfferedTools
from bot.turns.core import Core
from bot.types import ConversationKey, Value

log = structlog.get_logger(__name__)

MAX_BODY_BYTES: Final = 1024 * 1024
MAX_SESSIONS: Final = 1_000
SESSION_IDLE_S: Final = 600.0
_ASKER_REUSE_S: Final = 5.0
"""How long what a platform said of a person holds: a program asks many times a second."""
_INSTRUCTIONS: Final = (
    "The documents of a team. `search_documents` finds passages, `read_document` reads a whole "
    "document, `ask` answers a question from them with sources."
)
UNKNOWN_PERSON: Final = (
    "It cannot be told just now who you are, as the platform on which this token was made is not "
    "connected or no longer knows you. Try again later, or make a new token with /connect."
)


def _version() -> str:
    try:
        return version("parlance-bot")
    except PackageNotFoundError:  # run from its source
        return "0"


VERSION: Final = _version()
"""Found out while this is imported, since files are read for it."""
Identify = Callable[[Any], tuple[str, ConversationKey]]
"""Whose request it is (`Author.key`), and where they are asked for."""


class McpServer:
    """Answers the requests of MCP clients with a core. `identify` finds whose a request is."""

    def __init__(self, core: Core, identify: Identify) -> None:
        self._core = core
        self._identify = identify
        self._offered = OfferedTools(core)
        self._askers = LookupCache(self._look_up)
        self._server: Server[Any] = Server(
            "parlance",
            version=VERSION,
            title="Parlance",
            instructions=_INSTRUCTIONS,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
        )

    def session_manager(self) -> StreamableHTTPSessionManager:
        """What serves it over HTTP; its `run` is entered while it does."""
        return StreamableHTTPSessionManager(
            self._server,
            session_idle_timeout=SESSION_IDLE_S,
            max_request_body_size=MAX_BODY_BYTES,
            max_sessions=MAX_SESSIONS,
        )

    async def serve_lines(self, lines: AsyncIterator[str], out: TextIO) -> None:
        """Serve one client that writes each message in a line, until its lines end."""
        given, taken = cast("anyio.AsyncFile[str]", lines), anyio.wrap_file(out)
        async with stdio_server(given, taken) as (incoming, outgoing):
            options = self._server.create_initialization_options()
            await self._server.run(incoming, outgoing, options)

    async def _asker(self, context: ServerRequestContext[Any, Any]) -> Asker | None:
        """The person as they are now."""
        return await self._askers.get(self._identify(context.request), _ASKER_REUSE_S)

    async def _look_up(self, who: tuple[str, ConversationKey]) -> Asker | None:
        return await self._core.platforms.asker_now(*who)

    async def _list_tools(
        self,
        context: ServerRequestContext[Any, Any],
        params: types.PaginatedRequestParams | None,
    ) -> types.ListToolsResult:
        asker = await self._asker(context)
        if asker is None:
            raise MCPError(types.INVALID_REQUEST, UNKNOWN_PERSON)
        tools = [
            types.Tool(
                name=one.name,
                description=one.description,
                input_schema=dict(one.schema),
                annotations=types.ToolAnnotations(read_only_hint=one.reads, open_world_hint=False),
            )
            for one in await self._offered.of(asker)
        ]
        return types.ListToolsResult(tools=tools)

    async def _call_tool(
        self, context: ServerRequestContext[Any, Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        asker = await self._asker(context)
        if asker is None:
            return _refusal(UNKNOWN_PERSON)
        found = (one for one in await self._offered.of(asker) if one.name == params.name)
        if (tool := next(found, None)) is None:
            return _refusal("There is no tool of that name, or you may not use it.")
        given = params.arguments or {}
        if wrong := [name for name, value in given.items() if not _is_plain(value)]:
            return _refusal(f"The argument {wrong[0][:40]} must be a text, a number or a boolean.")
        told = 0

        async def progress(words: str) -> None:
            nonlocal told
            told += 1
            await context.session.report_progress(told, message=words)

        options = {name: cast(Value, one) for name, one in given.items() if one is not None}
        try:
            view = await self._offered.call(asker, tool, options, progress)
        except TimeoutError:
            return _refusal("This took too long.")
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=reply_text(view))],
            structured_content={"sources": source_values(view.sources)} if view.sources else None,
            is_error=is_refused(view),
        )


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | int | float | bool)


def _refusal(words: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=words)], is_error=True)
