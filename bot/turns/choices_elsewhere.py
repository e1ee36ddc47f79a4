"""Choices that are made outside of a chat, such as in the console, for a turn whose platform
another process serves, where several share a database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any, Final, TypeAlias

from bot.catalogue.sentence import lay_out, say
from bot.commands.checks import Asker
from bot.errors import Refused, UserFacingError
from bot.events import ActionCall
from bot.processes.peers import Peers
from bot.turns.platforms import Platforms
from bot.types import Author, ConversationKey

_CHOOSE: Final = "choose"

Choose: TypeAlias = Callable[[ActionCall, Asker], Awaitable[None]]


class ChoicesElsewhere:
    """Has a choice made where its platform is connected; `choose` makes one in this process.
    Without `peers` this process is alone."""

    def __init__(self, peers: Peers | None, platforms: Platforms, choose: Choose) -> None:
        self._peers = peers
        self._platforms = platforms
        self._choose = choose
        if peers is not None:
            peers.answer(_CHOOSE, self._choose_for)

    async def choose(self, call: ActionCall, asker: Asker) -> None:
        """Make a choice. Raises a `UserFacingError`, and `StorageError`."""
        if self._peers is None or call.conversation.platform in self._platforms.connected:
            await self._choose(call, asker)
            return
        author = asdict(call.author) | {"roles": sorted(call.author.roles)}
        asked = {
            "id": call.id,
            "place": str(call.conversation),
            "author": author,
            "action": call.action,
            "turn": call.turn,
            "value": call.value,
            "direct": call.direct,
            "admin": asker.admin,
        }
        said = next(iter(await self._peers.ask(_CHOOSE, asked)), None)
        if said is None:
            raise Refused(say("The platform of this conversation is not connected."))
        if said:
            raise Refused(lay_out("{said}", said=said))

    async def _choose_for(self, asked: Mapping[str, Any]) -> str | None:
        """Empty where the choice is made, else why it is not; None where the platform is not
        connected here either."""
        place, said = ConversationKey.parse(asked["place"]), asked["author"]
        if place.platform not in self._platforms.connected:
            return None
        author = Author(**{**said, "roles": frozenset(said["roles"])})
        call = ActionCall(
            asked["id"], place, author, asked["action"], asked["turn"], asked["value"],
            direct=asked["direct"],
        )  # fmt: skip
        try:
            await self._choose(call, Asker(author, place, asked["direct"], asked["admin"]))
        except UserFacingError as error:
            return str(error)
        return ""
