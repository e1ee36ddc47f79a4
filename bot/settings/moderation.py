"""Whom the bot does not answer, and where it is paused: what admins choose to keep it quiet."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from bot.catalogue.sentence import say
from bot.errors import UsageError
from bot.history.protocol import Preferences
from bot.settings.admins import Admins
from bot.types import Author, ConversationKey

log = structlog.get_logger(__name__)

BLOCK_CHOICE = "blocked"
"""The name under which a blocked person is stored; the scope is their `Author.key`."""
PAUSE_CHOICE = "paused"
"""The name under which a pause is stored; the scope is its place, the value its reason."""


class Moderation:
    """Knows the blocked people and the pauses. An admin is never blocked.

    `load` must be awaited before the first question; after that nothing is read any more.
    """

    def __init__(self, preferences: Preferences, admins: Admins) -> None:
        self._preferences = preferences
        self._admins = admins
        self._blocked: set[str] = set()
        self._pauses: dict[str, str] = {}

    async def load(self) -> None:
        """Read what was chosen in earlier processes."""
        self._blocked = set(await self._preferences.of(BLOCK_CHOICE))
        self._pauses = dict(await self._preferences.of(PAUSE_CHOICE))

    # --- people -----------------------------------------------------------------------------------

    def blocked(self) -> Sequence[str]:
        """The `Author.key` of everybody who is blocked."""
        return sorted(self._blocked)

    def is_blocked(self, person: str) -> bool:
        """Whether somebody (`Author.key`) is blocked."""
        return person in self._blocked

    async def block(self, person: str, by: str) -> None:
        """Block somebody (`Author.key`) everywhere. Raises `UsageError` for an admin."""
        platform, _, ident = person.partition(":")
        if self._admins.is_admin(Author(platform, ident, "")):
            raise UsageError(say("An admin cannot be blocked."))
        await self._preferences.put(BLOCK_CHOICE, person, "yes", by)
        self._blocked.add(person)
        log.info("person.blocked", person=person, by=by)

    async def unblock(self, person: str, by: str) -> bool:
        """Take a block back; returns False where there was none."""
        if person not in self._blocked:
            return False
        await self._preferences.clear(BLOCK_CHOICE, person)
        self._blocked.discard(person)
        log.info("person.unblocked", person=person, by=by)
        return True

    # --- places -----------------------------------------------------------------------------------

    def pause_in(self, conversation: ConversationKey) -> str | None:
        """The reason of the pause that holds in a conversation, which may be empty; None where
        there is no pause."""
        keys = (key for _, key in conversation.scopes())
        return next((self._pauses[key] for key in keys if key in self._pauses), None)

    async def pause(self, place: ConversationKey | None, by: str, reason: str = "") -> None:
        """Pause a thread or a whole channel; everything where `place` is None."""
        await self._preferences.put(PAUSE_CHOICE, _key(place), reason, by)
        self._pauses[_key(place)] = reason
        log.warning("place.paused", place=_key(place), by=by)

    async def resume(self, place: ConversationKey | None, by: str) -> bool:
        """End a pause of exactly this place; returns False where there was none."""
        if _key(place) not in self._pauses:
            return False
        await self._preferences.clear(PAUSE_CHOICE, _key(place))
        self._pauses.pop(_key(place), None)
        log.warning("place.resumed", place=_key(place), by=by)
        return True


def _key(place: ConversationKey | None) -> str:
    return "" if place is None else str(place)
