"""Stored turns: a search by what is known about them, and each as a timeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from backends.base import Usage
from bot.catalogue.sentence import say
from bot.console.formatting import render_markdown
from bot.console.site import CONSOLE_PATH, Site, parse_moment
from bot.console.visibility import SeenTurn, find_turn, sees_prompts
from bot.console.visit import Visit
from bot.errors import NotFound
from bot.history.prompts import KeptPrompt, KeptPrompts
from bot.history.tool_calls import StoredCall
from bot.history.turn_counts import MESSAGE
from bot.history.turn_search import SortColumn, TurnFilter, TurnOrder, TurnPage, TurnSearch

STATUSES: Final = (
    "complete", "running", "waiting", "cancelled", "refused", "failed", "interrupted",
)  # fmt: skip
FIELDS: Final = ("since", "until", "person", "place", "skill", "model", "status", "error")
SORT_COLUMNS: Final[Mapping[SortColumn, str]] = {
    "time": say("When"), "written": say("Tokens"), "wait": say("Waited"), "total": say("Time"),
}  # fmt: skip
"""The columns that turns can be sorted by, with their headings."""
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


@dataclass(frozen=True, slots=True)
class SortHead:
    """The heading of a column by which turns are sorted when its address is followed; `state` is
    what `aria-sort` says, empty where they are sorted by another."""

    name: str
    address: str
    state: str


def read_order(given: Mapping[str, str]) -> TurnOrder:
    """The order that a query asks for; the newest first where it makes no sense."""
    name = given.get("sort", "")
    by, rising = name.removeprefix("-"), not name.startswith("-")
    found: SortColumn | None = next((one for one in SORT_COLUMNS if one == by), None)
    if found is None:
        found, rising = "time", False
    numbers = given.get("after", "")[:40].split(".")
    if len(numbers) == 2 and all(one.isascii() and one.isdecimal() for one in numbers):
        value, seq = (int(one[:18]) for one in numbers)
        return TurnOrder(found, rising, (value, seq))
    return TurnOrder(found, rising)


def make_heads(kept: Mapping[str, str], order: TurnOrder) -> Mapping[str, SortHead]:
    """The headings by which turns can be sorted, with what was looked for kept. The first press
    sorts by the largest, another the other way round."""
    heads: dict[str, SortHead] = {}
    for by, name in SORT_COLUMNS.items():
        chosen = by == order.by
        rising = chosen and not order.rising
        state = ("ascending" if order.rising else "descending") if chosen else ""
        heads[by] = SortHead(name, _address({**kept, "sort": by if rising else f"-{by}"}), state)
    return heads


def _address(query: Mapping[str, str]) -> str:
    return f"{CONSOLE_PATH}/turns?{urlencode(query)}" if query else f"{CONSOLE_PATH}/turns"


def _choices(given: str, *names: str) -> Sequence[str]:
    """What can be chosen, and what is; a model that is no longer there was once asked, too."""
    return sorted({*names, given} - {""})


def _next_page(query: Mapping[str, str], found: TurnPage) -> str:
    """The address of the page after this one; empty at the end."""
    if found.more is None:
        return ""
    value, seq = found.more
    return _address({**query, "after": f"{value}.{seq}"})


class TurnPages:
    """The list and the page of one turn."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._search = TurnSearch(site.app.database)
        self._prompts = KeptPrompts(site.app.database)

    def routes(self) -> Sequence[BaseRoute]:
        """The routes of these pages."""
        return [
            self._site.route("/turns", self._list),
            self._site.route("/turns/{turn}", self._show),
            self._site.route("/turns/{turn}/words", self._reveal, method="POST", admins=True),
        ]

    async def _list(self, request: Request, visit: Visit) -> Response:
        own, core = None if visit.asker.admin else visit.asker.author.key, self._site.app.core
        given = {name: request.query_params.get(name, "").strip() for name in FIELDS}
        wanted = read_filter(given, own)
        order = read_order(request.query_params)
        found = await self._search.page(wanted, order)
        kept = {name: value for name, value in given.items() if value}
        sort = f"{'' if order.rising else '-'}{order.by}"
        sorting = {} if sort == "-time" else {"sort": sort}
        return self._site.page(
            visit,
            "turns.html",
            found=found.turns,
            places=await self._site.places.of(one.conversation for one in found.turns),
            heads=make_heads(kept, order),
            sort=sorting.get("sort", ""),
            first=_address({**kept, **sorting}),
            more=_next_page({**kept, **sorting}, found),
            given=given,
            filtered=any(given.values()),
            paged=order.after is not None,
            statuses=STATUSES,
            skills=_choices(given["skill"], MESSAGE, *(one.name for one in core.commands)),
            models=_choices(given["model"], *(one.model for one in self._site.app.pool.status())),
        )

    async def _find(self, ident: str, visit: Visit) -> SeenTurn:
        services = self._site.app.services
        found = await find_turn(ident, visit.asker, services.history, services.authorize)
        if found is None:
            raise NotFound(_GONE)
        return found

    async def _show(self, request: Request, visit: Visit) -> Response:
        return await self._page(visit, await self._find(request.path_params["turn"], visit))

    async def _reveal(self, request: Request, visit: Visit) -> Response:
        """Show the words of a turn that is not one's own, and write down that it was done."""
        seen = await self._find(request.path_params["turn"], visit)
        if seen.visibility == "asked":
            await self._site.changes.add(visit.asker.author.key, say("read a turn"), seen.answer.id)
            seen = replace(seen, visibility="open")
        return await self._page(visit, seen)

    async def _page(self, visit: Visit, seen: SeenTurn) -> Response:
        question, answer = seen.question, seen.answer
        calls: Sequence[StoredCall] = ()
        if (stored := self._site.app.services.calls) is not None:
            calls = await stored.of_turn(answer.id)
        prompts: Sequence[KeptPrompt] = ()
        if sees_prompts(visit.asker, question):
            prompts = await self._prompts.of_turn(answer.id)
        spans = make_timeline(answer.usage, calls, question.at)
        return self._site.page(
            visit,
            "turn.html",
            question=question,
            answer=answer,
            answer_html=await render_markdown(answer.text),
            visibility=seen.visibility,
            calls=calls,
            prompts=prompts,
            spans=spans,
            total_s=max((span.start_s + span.length_s for span in spans), default=0.0),
            skill=answer.command or MESSAGE,
            place=(await self._site.places.of([answer.conversation]))[answer.conversation],
        )
