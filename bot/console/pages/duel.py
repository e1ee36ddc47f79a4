"""Duels: how the models do, the duels there were, and each with its votes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bot.catalogue.sentence import say
from bot.commands.authorization import Subject
from bot.console.chat.service import ChatService
from bot.console.formatting import render_markdown
from bot.console.forms import form_of
from bot.console.site import CONSOLE_PATH, Site, go_to
from bot.console.visibility import SeenTurn, find_turn
from bot.console.visit import Visit
from bot.duels.store import DuelStore
from bot.duels.values import DuelChoice, ListedDuel, Standing
from bot.errors import Denied, NotFound
from bot.events import Message
from bot.sign_in.places import console_place
from bot.types import ConversationKey

CHOICES: Final[Mapping[str, str]] = {
    "a": say("A is better"),
    "b": say("B is better"),
    "tie": say("Tie"),
    "bad": say("Both bad"),
}
CHART_WIDTH: Final = 1000
"""The width of a bar's drawing, in its own units."""
MAX_QUESTION_CHARACTERS: Final = 2000
_MARK_WIDTH: Final = 6
_GONE: Final = say("There is no such duel, or it is not yours to see.")


@dataclass(frozen=True, slots=True)
class RangeBar:
    """Where a model's range, its rating and the average are drawn, of `CHART_WIDTH`."""

    start: float
    width: float
    rating: float
    average: float


def make_bars(standings: Sequence[Standing]) -> list[RangeBar]:
    """The bars of the board, all on one scale."""
    if not standings:
        return []
    low, high = min(one.low for one in standings), max(one.high for one in standings)
    scale = (CHART_WIDTH - _MARK_WIDTH) / max(high - low, 1e-9)
    average = sum(one.rating for one in standings) / len(standings)

    def place(rating: float) -> float:
        return round((rating - low) * scale, 1)

    return [
        RangeBar(
            place(one.low),
            round(place(one.high) - place(one.low) + _MARK_WIDTH, 1),
            place(one.rating),
            place(average),
        )
        for one in standings
    ]


def _quote(text: str) -> str:
    """A value of an option as it is written in a call."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@dataclass(frozen=True, slots=True)
class SeenDuel:
    """A duel that somebody looks at, with what they may see of it."""

    duel: ListedDuel
    turn: SeenTurn

    @property
    def place(self) -> ConversationKey:
        return ConversationKey.parse(self.turn.answer.conversation)


class DuelPages:
    """The board with the list, and the page of one duel."""

    def __init__(self, site: Site, chat: ChatService) -> None:
        self._site = site
        self._chat = chat
        self._duels = DuelStore(site.app.database)

    def routes(self) -> Sequence[BaseRoute]:
        """The routes of these pages."""
        route = self._site.route
        return [
            route("/duel", self._list),
            route("/duel", self._begin, method="POST"),
            route("/duel/{turn}", self._show),
            route("/duel/{turn}/words", self._reveal, method="POST", admins=True),
            route("/duel/{turn}/vote/{choice}", self._vote, method="POST"),
            route("/duel/{turn}/names", self._tell_names, method="POST"),
        ]

    async def _list(self, request: Request, visit: Visit) -> Response:
        await self._require(visit)
        before = request.query_params.get("before", "")
        board = await self._duels.board()
        page = await self._duels.page(
            visit.asker.author.key,
            everybody=visit.asker.admin,
            before=int(before[:18]) if before.isdecimal() else 0,
        )
        return self._site.page(
            visit,
            "duels.html",
            board=board,
            rows=list(zip(board.standings, make_bars(board.standings), strict=True)),
            width=CHART_WIDTH,
            mark=_MARK_WIDTH,
            found=page.duels,
            older=f"{CONSOLE_PATH}/duel?before={page.older}" if page.older else "",
            paged=bool(before),
            choices=CHOICES,
            models=self._site.app.services.models.names(),
            max_question=MAX_QUESTION_CHARACTERS,
        )

    async def _begin(self, request: Request, visit: Visit) -> Response:
        """Call `/duel` in a new conversation of the chat, as whoever looks could write it there."""
        form = form_of(request)
        words = form.get("question", "").replace("\r\n", "\n").strip()
        option = "rap" if form.get("kind") == "battle" else "question"
        given = {name: form.get(name, "") for name in ("a", "b")} | {option: words}
        call = " ".join(f"{name}={_quote(text)}" for name, text in given.items() if text)
        key = console_place(visit.session.visitor.place, secrets.token_hex(6))
        person = visit.asker.author
        message = Message(secrets.token_hex(12), key, person, f"/duel {call}".strip(), direct=True)
        conversation = await self._chat.conversations.begin(key, person.key)
        await self._chat.adapter.ask(self._site.app.core, conversation, message, ())
        return go_to(f"{CONSOLE_PATH}/chat/{key.thread}")

    async def _show(self, request: Request, visit: Visit) -> Response:
        return await self._page(visit, await self._find(request, visit))

    async def _reveal(self, request: Request, visit: Visit) -> Response:
        """Show the words of a duel that is not one's own, and write down that it was done."""
        seen = await self._find(request, visit)
        if seen.turn.visibility == "asked":
            await self._site.changes.add(visit.asker.author.key, say("read a turn"), seen.duel.turn)
            seen = SeenDuel(seen.duel, replace(seen.turn, visibility="open"))
        return await self._page(visit, seen)

    async def _vote(self, request: Request, visit: Visit) -> Response:
        seen = await self._find_to_press(request, visit)
        choice = request.path_params["choice"]
        if choice not in CHOICES:
            raise NotFound(say("There is no such vote."))
        person = visit.asker.author.key
        await self._site.changes.add(person, say("voted on a duel"), seen.duel.turn)
        await self._duels.vote(seen.duel.turn, person, cast(DuelChoice, choice))
        return go_to(f"{CONSOLE_PATH}/duel/{seen.duel.turn}")

    async def _tell_names(self, request: Request, visit: Visit) -> Response:
        seen = await self._find_to_press(request, visit)
        person = visit.asker.author.key
        unvoted = visit.asker.admin or seen.turn.question.author == person
        await self._site.changes.add(person, say("asked who is who in a duel"), seen.duel.turn)
        await self._duels.tell_names(seen.duel.turn, person, unvoted=unvoted)
        return go_to(f"{CONSOLE_PATH}/duel/{seen.duel.turn}")

    # --- what somebody may see ------------------------------------------------------------------

    async def _require(self, visit: Visit) -> None:
        """Raise `NotFound` for somebody who may not use duels."""
        authorize = self._site.app.services.authorize
        if not (await authorize(visit.asker, "duel", visit.asker.conversation)).allowed:
            raise NotFound(_GONE)

    async def _find(self, request: Request, visit: Visit) -> SeenDuel:
        """The duel of a path. Raises `NotFound`."""
        await self._require(visit)
        turn, services = request.path_params["turn"], self._site.app.services
        found = await find_turn(turn, visit.asker, services.history, services.authorize)
        if found is None:
            raise NotFound(_GONE)
        return SeenDuel(await self._duels.listed(turn, visit.asker.author.key), found)

    async def _find_to_press(self, request: Request, visit: Visit) -> SeenDuel:
        """The duel of a path, for somebody who may use its buttons, whose words are not kept from
        them. Raises `NotFound` and `Denied`."""
        seen = await self._find(request, visit)
        if seen.turn.visibility == "closed":
            raise NotFound(_GONE)
        subject = Subject(seen.turn.question.author, seen.place)
        authorize = self._site.app.services.authorize
        decision = await authorize(visit.asker, "button:press", seen.place, subject)
        if not decision.allowed:
            raise Denied(decision.reason)
        return seen

    async def _page(self, visit: Visit, seen: SeenDuel) -> Response:
        own = seen.turn.question.author == visit.asker.author.key
        return self._site.page(
            visit,
            "duel.html",
            duel=seen.duel,
            question=seen.turn.question,
            place=(await self._site.places.of([seen.turn.answer.conversation]))[
                seen.turn.answer.conversation
            ],
            answer_html=await render_markdown(seen.turn.answer.text),
            visibility=seen.turn.visibility,
            choices=CHOICES,
            may_skip=own or visit.asker.admin,
        )
