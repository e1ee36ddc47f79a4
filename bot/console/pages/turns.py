"""Stored turns: a search by what is known about them, and each as a timeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from backends.base import Usage
from bot.catalogue.sentence import say
from bot.console.site import CONSOLE_PATH, Site, parse_moment
from bot.console.visibility import Visibility, visibility_of
from bot.console.visit import Visit
from bot.errors import NotFound
from bot.history.protocol import StoredMessage
from bot.history.tool_calls import StoredCall
from bot.history.turn_search import MESSAGE, TurnFilter, TurnSearch

STATUSES: Final = (
    "complete", "running", "waiting", "cancelled", "refused", "failed", "interrupted",
)  # fmt: skip
FIELDS: Final = ("since", "until", "person", "place", "skill", "model", "status", "error")
_MAX_FIELD_CHARACTERS: Final = 300
_GONE: Final = say("There is no such turn, or it is not yours to see.")


@dataclass(frozen=True, slots=True)
class Span:
    """A bar of the timeline: what took from `start_s` to `start_s + length_s` after the question,
    in seconds; `kind` is how it is drawn."""

    name: str
    kind: str
    start_s: float
    length_s: float


def make_timeline(usage: Usage | None, calls: Sequence[StoredCall], asked: datetime) -> list[Span]:
    """What a turn's time went into: the model's own times one after the other, then each call of a
    tool when it was made."""
    spans: list[Span] = []
    at = 0.0
    if usage is not None:
        for name, kind, length in (
            (say("waiting for the model"), "queue", usage.queue_s),
            (say("loading it"), "load", usage.load_s),
            (say("reading"), "read", usage.prefill_s),
            (say("writing"), "write", usage.decode_s),
        ):
            if length > 0:
                spans.append(Span(name, kind, at, length))
                at += length
    for call in calls:
        if call.ended_at is not None:
            start = max(0.0, (call.at - asked).total_seconds())
            spans.append(
                Span(call.tool, "tool", start, max(0.0, (call.ended_at - call.at).total_seconds()))
            )
    return spans


def read_filter(given: Mapping[str, str], own: str | None) -> TurnFilter:
    """The filter of a query; what makes no sense is left out. `own` is the only person whose turns
    are shown, None for everybody's."""

    def text(name: str) -> str:
        return given.get(name, "").strip()[:_MAX_FIELD_CHARACTERS]

    status = text("status")
    return TurnFilter(
        since=parse_moment(text("since")),
        until=parse_moment(text("until")),
        person=own if own is not None else text("person"),
        place=text("place"),
        skill=text("skill"),
        model=text("model"),
        status=status if status in STATUSES else "",
        error=text("error").lower(),
    )


class TurnPages:
    """The list and the page of one turn."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._search = TurnSearch(site.app.database)

    def routes(self) -> Sequence[BaseRoute]:
        """The routes of these pages."""
        return [
            self._site.route("/turns", self._list),
            self._site.route("/turns/{turn}", self._show),
            self._site.route("/turns/{turn}/words", self._reveal, method="POST", admins=True),
        ]

    async def _list(self, request: Request, visit: Visit) -> Response:
        own = None if visit.asker.admin else visit.asker.author.key
        given = {name: request.query_params.get(name, "").strip() for name in FIELDS}
        wanted = read_filter(given, own)
        before = request.query_params.get("before", "")
        found = await self._search.page(
            wanted, before=int(before[:18]) if before.isdecimal() else 0
        )
        older = ""
        if found.older:
            kept = {name: value for name, value in given.items() if value}
            older = f"{CONSOLE_PATH}/turns?{urlencode({**kept, 'before': found.older})}"
        return self._site.page(
            visit,
            "turns.html",
            found=found.turns,
            older=older,
            given=given,
            filtered=any(given.values()),
            paged=bool(before),
            statuses=STATUSES,
            skills=sorted({MESSAGE, *(one.name for one in self._site.app.core.commands)}),
            models=sorted({one.model for one in self._site.app.pool.status()}),
        )

    async def _find(
        self, ident: str, visit: Visit
    ) -> tuple[StoredMessage, StoredMessage, Visibility]:
        history = self._site.app.services.history
        answer = await history.get(ident)
        question = (
            await history.get(answer.answers)
            if answer is not None and answer.answers is not None
            else None
        )
        if answer is None or question is None:
            raise NotFound(_GONE)
        visibility = await visibility_of(
            visit.asker, question, answer, self._site.app.services.authorize
        )
        if visibility == "hidden":
            raise NotFound(_GONE)
        return question, answer, visibility

    async def _show(self, request: Request, visit: Visit) -> Response:
        question, answer, visibility = await self._find(request.path_params["turn"], visit)
        return await self._page(visit, question, answer, visibility)

    async def _reveal(self, request: Request, visit: Visit) -> Response:
        """Show the words of a turn that is not one's own, and write down that it was done."""
        question, answer, visibility = await self._find(request.path_params["turn"], visit)
        if visibility == "asked":
            await self._site.changes.add(visit.asker.author.key, say("read a turn"), answer.id)
            visibility = "open"
        return await self._page(visit, question, answer, visibility)

    async def _page(
        self, visit: Visit, question: StoredMessage, answer: StoredMessage, visibility: Visibility
    ) -> Response:
        calls: Sequence[StoredCall] = ()
        if (stored := self._site.app.services.calls) is not None:
            calls = await stored.of_turn(answer.id)
        spans = make_timeline(answer.usage, calls, question.at)
        return self._site.page(
            visit,
            "turn.html",
            question=question,
            answer=answer,
            visibility=visibility,
            calls=calls,
            spans=spans,
            total_s=max((span.start_s + span.length_s for span in spans), default=0.0),
            skill=answer.command or MESSAGE,
        )
