"""The tools that models may have called, who may have them used, and the servers of tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bot.agent.tool_set import refusal_for
from bot.commands.checks import Asker
from bot.console.place_rights import PlaceRights, key_of, parse_place
from bot.console.site import Site
from bot.console.visit import Visit
from bot.mcp.tool_server import ServerState
from bot.settings.channel_settings import ChosenSettings
from bot.settings.choices_store import SqlPreferences
from bot.settings.effective import EffectiveSetting, EffectiveSettings
from bot.skills.services import tools_for
from bot.skills.tool import AgentTool

COUNTED_DAYS: Final = 30
"""For how long back calls are counted."""


@dataclass(frozen=True, slots=True)
class ToolRow:
    """A tool, what somebody decided of who may have it used (None: nobody did), what its server is
    open to, and why the viewer may not have it used; empty if they may."""

    tool: AgentTool
    rule: EffectiveSetting | None
    server: str
    opened: str
    refusal: str


class ToolPage:
    """The page of tools."""

    def __init__(self, site: Site, rights: PlaceRights) -> None:
        self._site = site
        self._rights = rights
        chosen = site.app.services.settings
        assert isinstance(chosen, ChosenSettings)
        self._settings = EffectiveSettings(
            site.app.installation.config, chosen, SqlPreferences(site.app.database)
        )

    def routes(self) -> Sequence[BaseRoute]:
        """The routes of this page."""
        return [self._site.route("/agents/tools", self._show)]

    async def _show(self, request: Request, visit: Visit) -> Response:
        key = request.query_params.get("place", "").strip()
        asker = await self._rights.asker_in(visit, parse_place(key)) if key else visit.asker
        person = "" if asker.admin else asker.author.key
        since = datetime.now(UTC) - timedelta(days=COUNTED_DAYS)
        calls = self._site.app.services.calls
        return self._site.page(
            visit,
            "tools.html",
            place=key_of(asker.conversation),
            given=key,
            tools=await self._tools(asker),
            servers=await self._servers() if asker.admin else (),
            counts=await calls.counts(since, person) if calls is not None else (),
            days=COUNTED_DAYS,
        )

    async def _tools(self, asker: Asker) -> Sequence[ToolRow]:
        services, opened = self._site.app.services, self._opened()
        rows = []
        for one in tools_for(services.tools, asker.author.key):
            server, who = opened.get(one.name, ("", ""))
            refusal = await refusal_for(asker, one, services.authorize)
            rows.append(ToolRow(one, await self._rule(one.name, asker), server, who, refusal))
        return rows

    async def _rule(self, tool: str, asker: Asker) -> EffectiveSetting | None:
        """The rule for a tool in a place, else that for all of them."""
        for action in (f"tool:{tool}", "tool"):
            found = await self._settings.access(action, asker.conversation)
            if found is not None:
                return found
        return None

    def _opened(self) -> Mapping[str, tuple[str, str]]:
        """The servers of tools, and whom these are open to, by the name of the tool."""
        servers = self._site.app.servers
        return {
            tool.name: (name, who)
            for name in servers.names
            for _, tool, who in servers.offered(name)
        }

    async def _servers(self) -> Sequence[ServerState]:
        servers = self._site.app.servers
        return [servers.state(name) for name in servers.names]
