"""A word that the operator is shown: whoever writes it to the bot is known to be them."""

from __future__ import annotations

import re
import secrets
from typing import Final

import structlog
from sqlalchemy import Connection

from bot.errors import StorageError
from bot.settings.shown_words import ShownWords
from bot.types import Author

log = structlog.get_logger(__name__)

LIFETIME_S = 600.0
"""How long a word works, in seconds."""
_PURPOSE: Final = "admin"
_MADE: Final = "admin_made"
"""The topic by which processes tell each other who has become an admin."""
_SYLLABLES: Final = 7
_CONSONANTS, _VOWELS = "bdfgklmnprstvz", "aeiou"
_WORD: Final = re.compile(rf"(?:[{_CONSONANTS}][{_VOWELS}]){{{_SYLLABLES}}}")
_OTHER_CHARACTERS: Final = re.compile(r"[^a-z]")
_LONGEST_CHARS = 40


class AdminWord:
    """Makes one word at a time, which works once, at any process on the same database.

    Who wrote it is an admin of all of them, at once; that it stays so is for config.yaml to say.
    """

    def __init__(self, words: ShownWords) -> None:
        self._words = words
        self._offered = ""
        self._admins: set[str] = set()
        words.database.on_told(_MADE, self._hear)

    async def offer(self) -> str:
        """Make a word; one that was offered before works no more. Raises `StorageError`."""
        pick = secrets.choice
        word = "".join(pick(_CONSONANTS) + pick(_VOWELS) for _ in range(_SYLLABLES))
        await self._words.offer(_PURPOSE, word, LIFETIME_S)
        self._offered = word
        return word

    async def withdraw(self) -> None:
        """Have the word that was offered here work no more. Raises `StorageError`."""
        if self._offered:
            await self._words.end(_PURPOSE, self._offered)

    async def is_open(self) -> bool:
        """Whether the word that was offered here works. Raises `StorageError`."""
        return bool(self._offered) and await self._words.is_open(_PURPOSE, self._offered)

    async def heard_from(self) -> str | None:
        """Who wrote the word that was offered here last (`Author.key`); None as long as nobody did.
        Raises `StorageError`."""
        return await self._words.used_by(_PURPOSE, self._offered) if self._offered else None

    async def take(self, text: str, author: Author) -> bool:
        """Whether a message is the word and nothing else; then its author is an admin, and it works
        no more."""
        if len(text) > _LONGEST_CHARS:
            return False
        said = _OTHER_CHARACTERS.sub("", text.casefold())
        if _WORD.fullmatch(said) is None:
            return False

        def tell(connection: Connection) -> None:
            self._words.database.tell(connection, _MADE, author.key)

        try:
            if not await self._words.use(_PURPOSE, said, author.key, tell):
                return False
        except StorageError as error:  # it is a message like any other
            log.warning("admin.word_not_read", reason=str(error))
            return False
        self._admins.add(author.key)
        log.warning("admin.heard", person=author.key)
        return True

    def _hear(self, person: str | None) -> None:
        if person is not None:
            self._admins.add(person)

    def has_made(self, author: Author) -> bool:
        """Whether somebody became an admin by a word while this process ran."""
        return author.key in self._admins
