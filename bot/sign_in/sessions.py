"""The sessions of the console: kept as digests, for a limited time."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, insert, select

from bot.sign_in.digest import digest_of
from bot.sign_in.links import Visitor, place_of_visitor
from bot.sign_in.tables import console_sessions
from bot.storage.database import Database
from bot.storage.one_at_a_time import one_at_a_time
from bot.types import ConversationKey

MAX_SESSIONS_PER_PERSON: Final = 10
"""Sessions that one person can have at once; a further one ends the oldest."""
_COOKIE_BYTES: Final = 32
_MAX_COOKIE_CHARACTERS: Final = 100


async def any_session(database: Database) -> bool:
    """Whether somebody is signed in."""
    query = (
        select(console_sessions.c.digest)
        .where(console_sessions.c.ends_at > database.now())
        .limit(1)
    )
    async with database.read() as connection:
        return (await connection.execute(query)).first() is not None


@dataclass(frozen=True, slots=True)
class Session:
    """Who is in, and until when; `digest` identifies it."""

    visitor: Visitor
    digest: str = field(repr=False)
    ends_at: datetime


class Sessions:
    """The sessions in a `Database`, which it does not own."""

    def __init__(
        self,
        database: Database,
        lifetime: timedelta,
        *,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self._database = database
        self._lifetime = lifetime
        self._clock = clock or database.now

    @property
    def lifetime_s(self) -> int:
        """How long a session lasts, in seconds."""
        return int(self._lifetime.total_seconds())

    async def begin(self, visitor: Visitor) -> str:
        """Begin a session; returns the value of its cookie, which nobody can read again."""
        cookie, now = secrets.token_urlsafe(_COOKIE_BYTES), self._clock()
        row = {
            "digest": digest_of(cookie),
            "person": visitor.person,
            "place": place_of_visitor(visitor),
            "operator": visitor.operator,
            "at": now,
            "ends_at": now + self._lifetime,
        }

        def job(connection: Connection) -> None:
            one_at_a_time(connection, f"console_sessions:{visitor.person}")
            connection.execute(delete(console_sessions).where(console_sessions.c.ends_at <= now))
            theirs = (
                select(console_sessions.c.digest)
                .where(console_sessions.c.person == visitor.person)
                .order_by(console_sessions.c.at.desc(), console_sessions.c.digest)
            )
            digests = connection.execute(theirs).scalars().all()
            if too_many := digests[MAX_SESSIONS_PER_PERSON - 1 :]:
                connection.execute(
                    delete(console_sessions).where(console_sessions.c.digest.in_(too_many))
                )
            connection.execute(insert(console_sessions), row)

        await self._database.write(job)
        return cookie

    async def find(self, cookie: str) -> Session | None:
        """Return the session of a cookie; None if there is none, or it has ended."""
        if not cookie or len(cookie) > _MAX_COOKIE_CHARACTERS:
            return None
        digest = digest_of(cookie)
        query = select(console_sessions).where(console_sessions.c.digest == digest)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).first()
        if row is None or row.ends_at <= self._clock():
            return None
        visitor = Visitor(row.person, ConversationKey.parse(row.place), row.operator)
        return Session(visitor, digest, row.ends_at)

    async def end(self, session: Session) -> None:
        """End a session."""
        gone = delete(console_sessions).where(console_sessions.c.digest == session.digest)
        await self._database.write(lambda connection: connection.execute(gone).rowcount)
