"""What goes on now: models, open turns, platforms, the last errors."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from bot.catalogue.sentence import say
from bot.console.live import LivePart
from bot.console.site import CONSOLE_PATH, Site, go_to
from bot.console.speech import page_language, speak
from bot.console.visit import Visit
from bot.errors import Denied, NotFound
from bot.status import describe_all, report

REFRESH_S: Final = 2.0


class NowPage:
    """The page, and the part of it that changes by itself."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._live: dict[str, LivePart] = {}
        """By language, as far as somebody has looked in it."""

    async def values(self, only_of: str | None = None) -> dict[str, Any]:
        """What the page shows: all of it, or with an `Author.key` their own turns alone."""
        site = self._site
        processes = await describe_all(site.app, site.adapters)
        turns = [
            turn
            for process in processes
            for turn in process["turns"]
            if only_of in (None, turn["person"])
        ]
        told = None
        if only_of is None:
            told = await report(site.app, site.adapters, site.since)
        errors = [error for process in processes for error in process["errors"]]
        errors.sort(key=lambda error: str(error.get("timestamp")))
        return {"turns": turns, "told": told, "processes": processes, "errors": errors}

    async def close(self) -> None:
        """End all streams."""
        for live in self._live.values():
            await live.close()

    def _live_part(self, language: str) -> LivePart:
        async def render() -> str:
            await speak(language)
            return self._site.render("now_part.html", **await self.values())

        return self._live.setdefault(language, LivePart(render, REFRESH_S))

    def routes(self) -> Sequence[BaseRoute]:
        """The routes of this page."""
        return [
            self._site.route("/", self._show),
            self._site.route("/now/events", self._events, admins=True),
            self._site.route("/turns/{turn}/stop", self._stop, method="POST"),
        ]

    async def _show(self, _: Request, visit: Visit) -> Response:
        own = None if visit.asker.admin else visit.asker.author.key
        return self._site.page(visit, "now.html", **await self.values(own))

    async def _events(self, _: Request, visit: Visit) -> Response:
        left = visit.session.ends_at - datetime.now(UTC)
        return StreamingResponse(
            self._live_part(page_language()).events(left.total_seconds()),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )

    async def _stop(self, request: Request, visit: Visit) -> Response:
        named, open_turns = request.path_params["turn"], self._site.app.core.open_turns
        turn = open_turns.get(named)
        found = turn or await open_turns.elsewhere.get(named)
        if found is None or (place := found.subject.place) is None:
            raise NotFound(say("There is nothing to stop; this answer has ended."))
        authorize = self._site.app.services.authorize
        decision = await authorize(visit.asker, "button:stop", place, found.subject)
        if not decision.allowed:
            raise Denied(decision.reason)
        await self._site.changes.add(visit.asker.author.key, say("stopped a turn"), found.id)
        if turn is not None:
            turn.stop("stopped", visit.asker.author.name)
        else:
            await open_turns.elsewhere.stop([found.id], visit.asker.author.name)
        return go_to(f"{CONSOLE_PATH}/")
