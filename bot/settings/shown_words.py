"""Words that are shown at one place and written at another, which proves who writes them: whoever
does has seen the terminal or the log of a process of the bot. Any of its processes may hear them.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, select, update

from bot.settings.tables import shown_words
from bot.sign_in.digest import digest_of
from bot.storage.database import Database
from bot.storage.insert import insert_into
from bot.storage.one_at_a_time import one_at_a_time

Offered: TypeAlias = Literal["first", "again", "open"]
"""What came of offering a word: it is the first of its purpose, it takes the place of one that has
ended, or another one is open and this one counts for nothing."""
Trial: TypeAlias = Literal["right", "wrong", "void"]
"""What came of a try; void: there is none to be tried, or it was tried too often."""


class ShownWords:
    """The words in a `Database`, as digests: one for each purpose at a time."""

    def __init__(self, database: Database, clock: Callable[[], datetime] | None = None) -> None:
        self.database = database
        self._clock = clock or database.now

    async def offer(self, purpose: str, word: str, lifetime_s: float, tries: int = 1) -> None:
        """Have a word of a purpose work for so many seconds, or until it was used or so many wrong
        ones were tried; an earlier one works no more. Raises `StorageError`."""
        row = self._row(purpose, word, lifetime_s, tries)
        await self.database.write(lambda connection: _put(connection, row))

    async def offer_unless_open(
        self, purpose: str, word: str, lifetime_s: float, tries: int
    ) -> Offered:
        """Do that, unless one of this purpose has not ended. Raises `StorageError`."""
        if (found := await self._find(purpose)) is not None and found.ends_at > self._clock():
            return "open"
        row = self._row(purpose, word, lifetime_s, tries)

        def job(connection: Connection) -> Offered:
            one_at_a_time(connection, f"shown_words:{purpose}")
            there = connection.execute(_of(purpose)).first()
            if there is not None and there.ends_at > self._clock():
                return "open"
            _put(connection, row)
            return "first" if there is None else "again"

        return await self.database.write(job)

    async def is_open(self, purpose: str, word: str) -> bool:
        """Whether this very word works. Raises `StorageError`."""
        found = await self._find(purpose)
        return found is not None and found.digest == digest_of(word) and self._works(found)

    async def used_by(self, purpose: str, word: str) -> str | None:
        """Who has used this very word (`Author.key`); None if nobody has. Raises
        `StorageError`."""
        found = await self._find(purpose)
        return found.person or None if found and found.digest == digest_of(word) else None

    async def use(
        self, purpose: str, word: str, person: str, then: Callable[[Connection], object]
    ) -> bool:
        """Use the word once; returns whether it was the right one, after `then` was called in the
        same transaction. Wrong ones are not counted. Raises `StorageError`."""
        words = shown_words.c
        works = (words.purpose == purpose) & (words.digest == digest_of(word))
        using = update(shown_words).where(
            works, words.tries_left > 0, words.ends_at > self._clock()
        )

        def job(connection: Connection) -> bool:
            used = connection.execute(using.values(tries_left=0, person=person)).rowcount == 1
            if used:
                then(connection)
            return used

        return await self.database.write(job)

    async def attempt(self, purpose: str, word: str) -> tuple[Trial, int]:
        """Try a word, and count a wrong one; returns also how many tries are left. Raises
        `StorageError`."""

        def job(connection: Connection) -> tuple[Trial, int]:
            one_at_a_time(connection, f"shown_words:{purpose}")
            found = connection.execute(_of(purpose)).first()
            if found is None or not self._works(found):
                return "void", 0
            right = hmac.compare_digest(found.digest, digest_of(word))
            left = 0 if right else found.tries_left - 1
            connection.execute(update(shown_words).where(_is(purpose)).values(tries_left=left))
            return "right" if right else "wrong", left

        return await self.database.write(job)

    async def end(self, purpose: str, word: str | None = None) -> None:
        """Have the word of a purpose work no more, or only this very one. Raises `StorageError`."""
        ending = delete(shown_words).where(_is(purpose))
        if word is not None:
            ending = ending.where(shown_words.c.digest == digest_of(word))
        await self.database.write(lambda connection: connection.execute(ending).rowcount)

    async def _find(self, purpose: str) -> Row[Any] | None:
        async with self.database.read() as connection:
            found: Row[Any] | None = (await connection.execute(_of(purpose))).first()
        return found

    def _works(self, found: Row[Any]) -> bool:
        return bool(found.tries_left > 0 and found.ends_at > self._clock())

    def _row(self, purpose: str, word: str, lifetime_s: float, tries: int) -> dict[str, Any]:
        return {
            "purpose": purpose,
            "digest": digest_of(word),
            "tries_left": tries,
            "ends_at": self._clock() + timedelta(seconds=lifetime_s),
            "person": "",
        }


def _is(purpose: str) -> ColumnElement[bool]:
    return shown_words.c.purpose == purpose


def _of(purpose: str) -> Select[Any]:
    return select(shown_words).where(_is(purpose))


def _put(connection: Connection, row: dict[str, Any]) -> None:
    inserting = insert_into(connection, shown_words)
    changed = {name: inserting.excluded[name] for name in row if name != "purpose"}
    connection.execute(
        inserting.on_conflict_do_update(index_elements=["purpose"], set_=changed), row
    )
