"""What somebody wanted to be remembered, for themselves and for channels: nobody else's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bot.catalogue.sentence import say
from bot.console.forms import form_of
from bot.console.site import CONSOLE_PATH, Site, go_to
from bot.console.visit import Visit
from bot.errors import Denied, NotFound
from bot.memory.memories import Memories, Memory, Owner

COMMAND: Final = "memory"
_NO_MEMORY: Final = say("There is nothing of that name that you had me remember.")


class MemoryParts:
    """Lists memories, and deletes them as `/memory delete` does."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._memories = site.app.services.memories

    def routes(self) -> Sequence[BaseRoute]:
        """The routes of what is done here."""
        return [
            self._site.route("/agents/memories", self._turn, method="POST"),
            self._site.route("/agents/memories/{memory}/delete", self._delete, method="POST"),
        ]

    async def find(self, visit: Visit) -> Sequence[Memory]:
        """What is shown to somebody: what they keep for themselves, then for channels."""
        if (kept := self._memories) is None:
            return ()
        person = visit.asker.author.key
        return [*await kept.of(Owner(person=person)), *await kept.shared_by(person)]

    async def enabled(self, visit: Visit) -> bool:
        """Whether anything is kept and used for somebody."""
        return self._memories is not None and await self._memories.enabled(visit.asker.author.key)

    async def _allowed(self, visit: Visit) -> Memories:
        """The memories, if somebody may change theirs. Raises `Denied` and `NotFound`."""
        if self._memories is None:
            raise NotFound(_NO_MEMORY)
        asker = visit.asker
        decision = await self._site.app.services.authorize(asker, COMMAND, asker.conversation)
        if not decision.allowed:
            raise Denied(decision.reason)
        return self._memories

    async def _turn(self, request: Request, visit: Visit) -> Response:
        kept, person = await self._allowed(visit), visit.asker.author.key
        on = form_of(request).get("do") == "on"
        action = say("turned their memory on") if on else say("turned their memory off")
        await self._site.changes.add(person, action)
        await kept.turn(person, on=on)
        return go_to(f"{CONSOLE_PATH}/agents")

    async def _delete(self, request: Request, visit: Visit) -> Response:
        wanted = request.path_params["memory"]
        one = next((one for one in await self.find(visit) if str(one.id) == wanted), None)
        if one is None:
            raise NotFound(_NO_MEMORY)
        kept = await self._allowed(visit)
        person = visit.asker.author.key
        await self._site.changes.add(person, say("deleted a memory"), str(one.id))
        owner = Owner(place=one.place) if one.place else Owner(person=person)
        await kept.delete(owner, [one.number])
        return go_to(f"{CONSOLE_PATH}/agents")
