"""A word that the operator is shown: whoever writes it to the bot is known to be them."""

from __future__ import annotations

import hmac
import re
import secrets
import time
from collections.abc import Callable

import structlog

from bot.types import Author

log = structlog.get_logger(__name__)

LIFETIME_S = 600.0
"""How long a word works, in seconds."""
_SYLLABLES = 7
_CONSONANTS, _VOWELS = "bdfgklmnprstvz", "aeiou"
_LONGEST_CHARS = 40


class AdminWord:
    """Makes one word at a time, which works once.

    Who wrote it is an admin of this process, at once; that it stays so is for config.yaml to say.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._word = ""
        self._until = 0.0
        self.heard_from: Author | None = None
        """Who wrote the last word that was offered; None as long as nobody did."""
        self._admins: set[str] = set()

    def offer(self) -> str:
        """Make a word; one that was offered before works no more."""
        pick = secrets.choice
        self._word = "".join(pick(_CONSONANTS) + pick(_VOWELS) for _ in range(_SYLLABLES))
        self._until = self._clock() + LIFETIME_S
        self.heard_from = None
        return self._word

    def withdraw(self) -> None:
        """Have the word work no more."""
        self._word = ""

    @property
    def is_open(self) -> bool:
        """Whether there is a word that works."""
        return bool(self._word) and self._clock() < self._until

    def fits(self, text: str) -> bool:
        """Whether a message is the word and nothing else."""
        if not self.is_open or len(text) > _LONGEST_CHARS:
            return False
        said = re.sub(r"[^a-z]", "", text.casefold())
        return hmac.compare_digest(said, self._word)

    def take(self, author: Author) -> None:
        """Make whoever wrote the word an admin; it works no more."""
        self.withdraw()
        self.heard_from = author
        self._admins.add(author.key)
        log.warning("admin.heard", person=author.key)

    def has_made(self, author: Author) -> bool:
        """Whether somebody became an admin of this process by a word."""
        return author.key in self._admins
