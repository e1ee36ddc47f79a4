"""How places are called on the pages: by their names where a platform tells them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from bot.catalogue.sentence import say
from bot.console.formatting import write_place
from bot.console.lookups import BriefLookups
from bot.history.turn_counts import PRIVATE_PLACE, place_of
from bot.turns.platforms import Platforms
from bot.types import ConversationKey

_NAMES_REUSE_S: Final = 600.0


class PlaceNames:
    """Names the places of `platforms`. `close` must be called at the end."""

    def __init__(self, platforms: Platforms) -> None:
        self._platforms = platforms
        self._lookups = BriefLookups(self._ask, _NAMES_REUSE_S)

    async def of(self, conversations: Iterable[str]) -> Mapping[str, str]:
        """The name of each conversation or channel, by its key."""
        wanted = set(conversations)
        names = await self._lookups.get({place_of(key) for key in wanted - {PRIVATE_PLACE}})
        return {key: _write(key, names.get(place_of(key), "")) for key in wanted}

    async def _ask(self, channel: str) -> str:
        try:
            return await self._platforms.place_name(ConversationKey.parse(channel))
        except ValueError:
            return ""

    async def close(self) -> None:
        """Give up what is being asked."""
        await self._lookups.close()


def _write(key: str, name: str) -> str:
    if key == PRIVATE_PLACE:
        return say("for one person alone")
    if not name:
        return write_place(key)
    platform, _, rest = key.partition(":")
    return f"{platform} / {name}" + (f" / {say('thread')}" if ":t=" in rest else "")
