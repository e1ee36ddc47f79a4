"""Who is an admin: the people of config.yaml, and those who became one at run time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from bot.history.protocol import Preferences
from bot.settings.admin_word import AdminWord
from bot.types import Author

log = structlog.get_logger(__name__)

ADMIN_CHOICE = "admin"
"""The name under which an admin is stored; the scope is the person's `Author.key`."""


class Admins:
    """Knows the admins. `configured` tells whether config.yaml names somebody, `word` makes those
    who write it admins.

    `load` must be awaited before the first question; after that nothing is read any more.
    """

    def __init__(
        self, preferences: Preferences, configured: Callable[[Author], bool], word: AdminWord
    ) -> None:
        self._preferences = preferences
        self._configured = configured
        self._chosen: set[str] = set()
        self.word = word

    async def load(self) -> None:
        """Read who became an admin in earlier processes."""
        self._chosen = set(await self._preferences.of(ADMIN_CHOICE))

    def is_admin(self, author: Author) -> bool:
        """Whether somebody is an admin."""
        return author.key in self._chosen or self._configured(author) or self.word.has_made(author)

    def chosen(self) -> Sequence[str]:
        """The `Author.key` of everybody who became an admin at run time."""
        return sorted(self._chosen)

    async def add(self, person: str, by: str) -> None:
        """Make somebody (`Author.key`) an admin, for good."""
        await self._preferences.put(ADMIN_CHOICE, person, "yes", by)
        self._chosen.add(person)
        log.warning("admin.added", person=person, by=by)

    async def remove(self, person: str, by: str) -> bool:
        """Take back what `add` did; returns False where nothing was to be taken back."""
        if person not in self._chosen:
            return False
        await self._preferences.clear(ADMIN_CHOICE, person)
        self._chosen.discard(person)
        log.warning("admin.removed", person=person, by=by)
        return True
