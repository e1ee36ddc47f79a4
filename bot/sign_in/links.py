"""Links into the console: each works once, for a few minutes, at any process of the bot."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Connection, delete, insert, or_, select

from bot.sign_in.digest import digest_of
from bot.sign_in.tables import console_links
from bot.storage.database import Database
from bot.storage.one_at_a_time import one_at_a_time
from bot.types import ConversationKey

LINK_LIFETIME_S: Final = 600.0
MAX_OPEN_LINKS: Final = 256
"""Links that can be open at once; making a further one ends the oldest."""
_LINK_BYTES: Final = 24
_MAX_LINK_CHARACTERS: Final = 100


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who comes in (`Author.key`), and their direct message with the bot, in which they asked for
    the link. `operator` says that it was made by whoever runs the bot, at its own machine."""

    person: str
    place: ConversationKey
    operator: bool = False


def place_of_visitor(visitor: Visitor) -> str:
    """The direct message of a visitor, as it is stored."""
    return str(replace(visitor.place, thread=None, user=None))


class SignInLinks:
    """The open links in a `Database`, by the digest of their secret part."""

    def __init__(self, database: Database, clock: Callable[[], datetime] | None = None) -> None:
        self._database = database
        self._clock = clock or database.now

    async def make(self, visitor: Visitor) -> str:
        """Make a link for somebody; returns its secret part. Earlier ones of theirs end. Raises
        `StorageError`."""
        token, now = secrets.token_urlsafe(_LINK_BYTES), self._clock()
        row = {
            "digest": digest_of(token),
            "person": visitor.person,
            "place": place_of_visitor(visitor),
            "operator": visitor.operator,
            "ends_at": now + timedelta(seconds=LINK_LIFETIME_S),
        }
        links = console_links.c
        over = or_(links.ends_at <= now, links.person == visitor.person)
        newest = select(links.digest).order_by(links.ends_at.desc(), links.digest)

        def job(connection: Connection) -> None:
            one_at_a_time(connection, "console_links")
            connection.execute(delete(console_links).where(over))
            kept = newest.limit(MAX_OPEN_LINKS - 1).scalar_subquery()
            connection.execute(delete(console_links).where(links.digest.not_in(kept)))
            connection.execute(insert(console_links), row)

        await self._database.write(job)
        return token

    async def is_open(self, token: str) -> bool:
        """Whether a link would let somebody in; it is not spent by asking. Raises
        `StorageError`."""
        if len(token) > _MAX_LINK_CHARACTERS:
            return False
        open_now = console_links.c.ends_at > self._clock()
        query = select(console_links.c.digest).where(_is(token), open_now)
        async with self._database.read() as connection:
            return (await connection.execute(query)).first() is not None

    async def spend(self, token: str) -> Visitor | None:
        """Use a link; None if it was used before, has ended, or never was. Raises
        `StorageError`."""
        if not await self.is_open(token):  # whoever guesses has nothing written
            return None

        def job(connection: Connection) -> Visitor | None:
            row = connection.execute(select(console_links).where(_is(token))).first()
            gone = connection.execute(delete(console_links).where(_is(token))).rowcount
            if row is None or not gone:  # it was used a moment ago
                return None
            return Visitor(row.person, ConversationKey.parse(row.place), row.operator)

        return await self._database.write(job)


def _is(token: str) -> ColumnElement[bool]:
    return console_links.c.digest == digest_of(token)
