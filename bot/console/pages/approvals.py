"""What waits for somebody's choice, and what may have been done without their knowledge."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bot.agent.approval import BUTTONS, GRANT
from bot.agent.open_calls import open_calls
from bot.catalogue.sentence import say
from bot.commands.authorization import Subject
from bot.console.forms import form_of
from bot.console.place_rights import PlaceRights
from bot.console.site import CONSOLE_PATH, Site, go_to
from bot.console.visibility import Visibility, visibility_of
from bot.console.visit import Visit
from bot.errors import Denied, NotFound, Refused, UsageError
from bot.events import ActionCall
from bot.history.suspensions import Suspension
from bot.history.tool_calls import StoredCall
from bot.types import ConversationKey

_NOT_WAITING: Final = say("Nothing of that name waits for you, or it was answered already.")


@dataclass(frozen=True, slots=True)
class WaitingTurn:
    """A turn that waits. Who may not decide it is shown neither the card nor buttons: each a value
    and its label. `files` are what the card shows only the beginning of, by name."""

    turn: str
    conversation: str
    asked_by: str
    until: datetime
    card: str = field(default="", repr=False)
    buttons: Sequence[tuple[str, str]] = ()
    files: Sequence[tuple[str, str]] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Approvals:
    """What waits for the viewer, what waits for others, and the viewer's calls of which it is not
    known whether they were carried out, by turn."""

    own: Sequence[WaitingTurn] = ()
    others: Sequence[WaitingTurn] = ()
    unknown: Sequence[tuple[str, Sequence[StoredCall]]] = ()


class ApprovalParts:
    """Lists approvals, and takes them by the way that a button in the chat takes."""

    def __init__(self, site: Site, rights: PlaceRights) -> None:
        self._site = site
        self._rights = rights
        self._services = site.app.services

    def routes(self) -> Sequence[BaseRoute]:
        """The routes of what is done here."""
        return [
            self._site.route("/agents/approvals/{turn}", self._choose, method="POST"),
            self._site.route("/agents/approvals/{turn}/seen", self._saw, method="POST"),
        ]

    async def find(self, visit: Visit) -> Approvals:
        """What is shown to somebody."""
        suspensions, person = self._services.suspensions, visit.asker.author.key
        if suspensions is None:
            return Approvals()
        calls = await open_calls(self._services.calls, suspensions, person)
        own, others = [], []
        for one in await suspensions.of_person(person):
            if one.open and (one.who == "asker" or visit.asker.admin):
                own.append(self._to_decide(one, visit.asker.author.name))
        if visit.asker.admin:
            for one in filter(lambda one: one.open, await suspensions.of_others(person)):
                name, visibility = await self._look(one, visit)
                if one.who == "admins" and visibility in ("asked", "open"):
                    own.append(self._to_decide(one, name))
                else:
                    others.append(WaitingTurn(one.turn, one.conversation, name, one.resume_at))
        lost = {
            turn: kept
            for turn, found in calls.items()
            if (kept := [one for one in found if one.state != "waiting"])
        }
        return Approvals(own, others, tuple(lost.items()))

    @staticmethod
    def _to_decide(one: Suspension, name: str) -> WaitingTurn:
        return WaitingTurn(
            one.turn,
            one.conversation,
            name,
            one.resume_at,
            one.card or str(one.shown.get("text", "")),
            _buttons(one),
            [(name, text) for name, text in one.shown.get("files", ())],
        )

    async def _look(self, one: Suspension, visit: Visit) -> tuple[str, Visibility]:
        """Who asked in a turn, and what somebody else sees of it."""
        history = self._services.history
        answer = await history.get(one.turn)
        question = await history.get(answer.answers or "") if answer is not None else None
        if answer is None or question is None:
            return one.person, "hidden"
        seen = await visibility_of(visit.asker, question, answer, self._services.authorize)
        return question.author_name or question.author, seen

    async def _choose(self, request: Request, visit: Visit) -> Response:
        turn, choice = request.path_params["turn"], form_of(request).get("choice", "")
        one = await self._find(turn, visit)
        if choice not in dict(_buttons(one)):
            raise UsageError(say("Press one of the buttons that are shown."))
        place = ConversationKey.parse(one.conversation)
        try:
            asker = await self._rights.asker_in(visit, place)
        except NotFound:
            raise Refused(say("I cannot check just now what you may do there.")) from None
        subject = Subject(one.person, place)
        decision = await self._services.authorize(asker, "button:resume", place, subject)
        if not decision.allowed:
            raise Denied(decision.reason)
        call = ActionCall(secrets.token_hex(16), place, asker.author, "resume", turn, choice,
                          direct=asker.direct)  # fmt: skip
        person, done = visit.asker.author.key, say("answered what waited")
        await self._site.changes.add(person, done, f"{turn}: {choice}")
        await self._site.app.core.choose(call, asker)
        return go_to(f"{CONSOLE_PATH}/agents")

    async def _find(self, turn: str, visit: Visit) -> Suspension:
        """What waits in a turn, if it is for this person to decide. Raises `NotFound`."""
        suspensions, asker = self._services.suspensions, visit.asker
        one = await suspensions.get(turn) if suspensions is not None else None
        if one is None or not one.open:
            raise NotFound(_NOT_WAITING)
        own = one.person == asker.author.key
        if not (asker.admin if one.who == "admins" else own):
            raise NotFound(_NOT_WAITING)
        if not own and (await self._look(one, visit))[1] not in ("asked", "open"):
            raise NotFound(_NOT_WAITING)
        return one

    async def _saw(self, request: Request, visit: Visit) -> Response:
        turn, person = request.path_params["turn"], visit.asker.author.key
        found = (await self.find(visit)).unknown
        if self._services.calls is None or turn not in dict(found):
            raise NotFound(_NOT_WAITING)
        await self._site.changes.add(person, say("noted a call that may have been done"), turn)
        await self._services.calls.saw(turn)
        return go_to(f"{CONSOLE_PATH}/agents")


def _buttons(one: Suspension) -> Sequence[tuple[str, str]]:
    """The buttons of a turn that waits, each a value and its label, as they are shown in the chat.
    They are not kept where one person alone is shown them: then those that every approval has."""
    if kept := one.shown.get("buttons", ()):
        return [(value, label) for value, label in kept]
    return [button for button in BUTTONS if button[0] != GRANT] if one.card else ()
