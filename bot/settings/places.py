"""The servers and workspaces that the bot works in, and the words that add one.

An operator who lists some keeps the bot quiet in all others. In such a place a one-time word, which
stands in the log alone, proves that somebody is the operator.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping
from typing import Final

import structlog

from bot.catalogue.sentence import say
from bot.errors import Denied
from bot.history.protocol import Preferences
from bot.settings.admins import Admins
from bot.settings.shown_words import Offered, ShownWords
from bot.types import ConversationKey

log = structlog.get_logger(__name__)

PLACE_CHOICE = "place"
"""The name under which an allowed place is stored; the scope is its workspace."""
MAX_WRONG_TRIES = 5
"""Wrong words in a place until its word is void."""
WORD_LIFE_S = 3600.0
"""How long a word can be used, in seconds; a void one is not replaced sooner."""
INTRODUCTION = "introduced"
"""The name under which it is stored that the bot has introduced itself; the scope is where."""
_PURPOSE: Final = "place:"
"""Begins the purpose of a word; its place follows."""
_WORD_BYTES = 8
_WORD = re.compile(rf"[0-9a-f]{{{2 * _WORD_BYTES}}}")

GREETING = say(
    "I have not been set up for this place, so I do nothing here. "
    "Whoever runs me finds a word in my log: write /allow and that "
    "word here, or mention me with it."
)


class AllowedPlaces:
    """Knows where the bot may work.

    `configured` are the ids of the workspaces of each platform; a platform without any is open
    everywhere. Direct messages of a platform whose workspaces they do not belong to are open, too.
    `load` must be awaited before the first question; after that only `words` are read.
    """

    def __init__(
        self,
        preferences: Preferences,
        configured: Mapping[str, Collection[str]],
        admins: Admins,
        words: ShownWords,
    ) -> None:
        self._preferences = preferences
        self._configured = {platform: frozenset(ids) for platform, ids in configured.items() if ids}
        self._admins = admins
        self._words = words
        self._chosen: set[str] = set()
        self._introducing: set[str] = set()

    async def load(self) -> None:
        """Read which places were allowed in earlier processes."""
        self._chosen = set(await self._preferences.of(PLACE_CHOICE))

    def allows(self, conversation: ConversationKey) -> bool:
        """Whether the bot works in the workspace of a conversation."""
        listed = self._configured.get(conversation.platform)
        if listed is None or conversation.workspace.startswith("@"):
            return True
        return conversation.workspace in listed or conversation.scope("workspace") in self._chosen

    async def greet(self, conversation: ConversationKey) -> str:
        """What to say in a place that is not allowed: a sentence the first time, then nothing.

        Writes a word to the log where none can be used. Raises `StorageError`.
        """
        return GREETING if await self._show_word(conversation) == "first" else ""

    async def introduce_once(self, scope: str) -> bool:
        """Whether the bot has not introduced itself in a place, also not in an earlier process;
        it counts as done from now on."""
        if scope in self._introducing:
            return False
        self._introducing.add(scope)
        try:
            if await self._preferences.get(INTRODUCTION, scope) is not None:
                return False
            await self._preferences.put(INTRODUCTION, scope, "yes", "")
        finally:
            self._introducing.discard(scope)
        return True

    def is_word(self, text: str) -> bool:
        """Whether a text is written as a word is."""
        return _WORD.fullmatch(text.strip()) is not None

    async def redeem(self, text: str, conversation: ConversationKey, person: str) -> str:
        """Allow the place and make the person (`Author.key`) an admin, if the word is right.

        Returns what to say. Raises `Denied` for a wrong word, and after too many of them.
        """
        if self.allows(conversation):
            return say("I work here already.")
        place = conversation.scope("workspace")
        await self._show_word(conversation)
        came, left = await self._words.attempt(_PURPOSE + place, text.strip())
        if came == "void":
            raise Denied(say("Too many wrong words; a new one will be in my log within the hour."))
        if came == "wrong":
            log.warning("place.wrong_word", place=place, person=person, tries_left=left)
            raise Denied(say("That is not the word that my log shows for this place."))
        await self._admins.add(person, person)
        await self._preferences.put(PLACE_CHOICE, place, "yes", person)
        self._chosen.add(place)
        await self._words.end(_PURPOSE + place)
        log.warning("place.allowed", place=place, by=person)
        return say("Thank you: I work here from now on, and you are an admin.")

    async def _show_word(self, conversation: ConversationKey) -> Offered:
        """Write a new word for a place to the log, where there is none or it has ended; any of the
        processes on the database takes it."""
        place, word = conversation.scope("workspace"), secrets.token_hex(_WORD_BYTES)
        offered = await self._words.offer_unless_open(
            _PURPOSE + place, word, WORD_LIFE_S, MAX_WRONG_TRIES
        )
        if offered != "open":
            log.warning("place.not_allowed", place=place, word=word, tries=MAX_WRONG_TRIES)
        return offered
