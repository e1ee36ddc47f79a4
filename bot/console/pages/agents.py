"""What models do for people: what waits for a choice, schedules, memories; and the tools."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bot.console.pages.approvals import ApprovalParts
from bot.console.pages.memories import MemoryParts
from bot.console.pages.schedules import ScheduleParts
from bot.console.pages.tools import ToolPage
from bot.console.place_rights import PlaceRights
from bot.console.site import Site
from bot.console.visit import Visit


class AgentPages:
    """The page of what waits and is planned, and the page of tools."""

    def __init__(self, site: Site) -> None:
        rights = PlaceRights(site.app)
        self._site = site
        self._approvals = ApprovalParts(site, rights)
        self._schedules = ScheduleParts(site)
        self._memories = MemoryParts(site)
        self._tools = ToolPage(site, rights)

    def routes(self) -> Sequence[BaseRoute]:
        """The routes of these pages."""
        return [
            self._site.route("/agents", self._show),
            self._site.route(
                "/agents/schedules/{job}/words", self._reveal, method="POST", admins=True
            ),
            *self._tools.routes(),
            *self._approvals.routes(),
            *self._schedules.routes(),
            *self._memories.routes(),
        ]

    async def _show(self, _: Request, visit: Visit) -> Response:
        return await self._page(visit)

    async def _reveal(self, request: Request, visit: Visit) -> Response:
        """Show the text of somebody else's schedule, and write down that it was done."""
        return await self._page(
            visit, [await self._schedules.reveal(request.path_params["job"], visit)]
        )

    async def _page(self, visit: Visit, revealed: Collection[str] = ()) -> Response:
        return self._site.page(
            visit,
            "agents.html",
            approvals=await self._approvals.find(visit),
            jobs=await self._schedules.find(visit, revealed),
            memories=await self._memories.find(visit),
            remembers=await self._memories.enabled(visit),
        )
