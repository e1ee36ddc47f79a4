"""What a platform tells of people and places, asked of the process that serves it, where several
share a database: a platform may be connected at one of them alone, and a browser come to any."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Protocol

import structlog

from bot.commands.checks import Asker
from bot.errors import StorageError
from bot.processes.peers import Peers, TooLongToTell
from bot.types import Author, ConversationKey

log = structlog.get_logger(__name__)

_ASKER: Final = "platform_asker"
_CHANNELS: Final = "platform_channels"
_PLACE_NAME: Final = "platform_place_name"


class PlatformsHere(Protocol):
    """The platforms of this process: what of `bot.turns.platforms.Platforms` the others ask. All
    tell nothing of a platform that is not connected here."""

    async def asker_here(self, person: str, place: ConversationKey) -> Asker | None: ...
    async def channels_here(self, person: str, channels: Collection[str]) -> frozenset[str]: ...
    async def place_name_here(self, place: ConversationKey) -> str: ...


class PlatformsElsewhere:
    """Asks the others of a platform that is not connected here, and answers them. Without `peers`
    this process is alone, and nothing is asked."""

    def __init__(self, peers: Peers | None, here: PlatformsHere) -> None:
        self._peers = peers
        self._here = here
        if peers is not None:
            peers.answer(_ASKER, self._asker)
            peers.answer(_CHANNELS, self._channels)
            peers.answer(_PLACE_NAME, self._place_name)

    async def asker_now(self, person: str, place: ConversationKey) -> Asker | None:
        """The person as they are now in a place, without whether they are an admin; None if no
        other process can tell."""
        for found in await self._ask(_ASKER, {"person": person, "place": str(place)}):
            roles, said = frozenset(found.pop("roles")), found.pop("direct")
            return Asker(Author(**found, roles=roles), place, direct=said)
        return None

    async def channels_of(self, person: str, channels: Collection[str]) -> frozenset[str]:
        """Those of the channels that the person can read, as another process knows."""
        found = await self._ask(_CHANNELS, {"person": person, "channels": [*channels]})
        return frozenset(channels).intersection(*found) if found else frozenset()

    async def place_name(self, place: ConversationKey) -> str:
        """How the channel of a conversation is called, as another process knows."""
        return str(next(iter(await self._ask(_PLACE_NAME, {"place": str(place)})), ""))

    async def _ask(self, what: str, values: Mapping[str, Any]) -> Sequence[Any]:
        if self._peers is None:
            return ()
        try:
            return await self._peers.ask(what, values)
        except (StorageError, TooLongToTell) as error:
            log.warning("platform.not_asked", what=what, reason=type(error).__name__)
            return ()

    # --- answering ------------------------------------------------------------------------------

    async def _asker(self, asked: Mapping[str, Any]) -> Any:
        place = ConversationKey.parse(asked["place"])
        asker = await self._here.asker_here(asked["person"], place)
        if asker is None:
            return None
        author = asker.author
        return {
            "platform": author.platform,
            "id": author.id,
            "name": author.name,
            "roles": sorted(author.roles),
            "locale": author.locale,
            "direct": asker.direct,
        }

    async def _channels(self, asked: Mapping[str, Any]) -> Any:
        return [*await self._here.channels_here(asked["person"], asked["channels"])] or None

    async def _place_name(self, asked: Mapping[str, Any]) -> Any:
        return await self._here.place_name_here(ConversationKey.parse(asked["place"])) or None
