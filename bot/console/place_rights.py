"""Where somebody who looks at the console may look, and with which rights they are there."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from bot.app import App
from bot.catalogue.sentence import say
from bot.commands.checks import Asker
from bot.config import Config
from bot.console.visit import Visit
from bot.errors import NotFound
from bot.settings.place_search import PlaceSearch
from bot.turns.platforms import Platforms
from bot.types import ConversationKey

NO_PLACE: Final = say("There is no such place, or you are not in it.")
EVERYWHERE: Final = ConversationKey("", "", "")
"""Stands for everywhere: nothing is chosen for a workspace or a channel without a name."""


def parse_place(key: str) -> ConversationKey:
    """Read the key of everywhere (empty), a workspace, a channel or a thread. Raises
    `NotFound`."""
    if not key:
        return EVERYWHERE
    try:
        return ConversationKey.parse(f"{key}:" if key.count(":") == 1 else key)
    except ValueError:
        raise NotFound(NO_PLACE) from None


def key_of(place: ConversationKey) -> str:
    """The key that `parse_place` reads."""
    if place == EVERYWHERE:
        return ""
    return str(place) if place.channel else place.scope("workspace")


class PlaceRights:
    """Finds who somebody is in a place: the platform tells it.

    An admin looks at workspaces and channels that they are not in themselves, too, but at nobody
    else's direct messages.
    """

    def __init__(self, app: App) -> None:
        self._config: Config = app.installation.config
        self._platforms: Platforms = app.core.platforms
        self._search = PlaceSearch(app.database)

    async def asker_in(self, visit: Visit, place: ConversationKey) -> Asker:
        """The person with the rights that they have in a place. Raises `NotFound` where they may
        not look."""
        asker = visit.asker
        named = bool(place.platform and place.workspace) or place == EVERYWHERE
        if not named or place.user is not None:
            raise NotFound(NO_PLACE)
        if place.scope("channel") == asker.conversation.scope("channel"):
            return asker.at(place)
        if not place.channel:
            if asker.admin:
                return asker.at(place)
            raise NotFound(NO_PLACE)
        found = await self._platforms.asker_now(asker.author.key, place)
        if found is not None:
            return replace(found, admin=found.admin or asker.admin)
        if asker.admin and await self._is_public(place):
            return asker.at(place)
        raise NotFound(NO_PLACE)

    async def _is_public(self, place: ConversationKey) -> bool:
        channel = place.scope("channel")
        return channel in self._config.channels or await self._search.is_public(channel)
