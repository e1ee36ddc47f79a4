"""The tokens with which programs of people connect: kept as digests, for a limited time."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, select, update

from bot.catalogue.sentence import say
from bot.errors import Refused
from bot.mcp.tables import access_tokens
from bot.sign_in.digest import digest_of
from bot.storage.database import Database
from bot.storage.one_at_a_time import one_at_a_time
from bot.types import ConversationKey
from bot.values import AccessToken

TOKEN_LIFETIME: Final = timedelta(days=90)
TOKEN_PREFIX: Final = "parlance_"
MAX_TOKENS_PER_PERSON: Final = 10
_TOKEN_BYTES: Final = 32
_MAX_TOKEN_CHARACTERS: Final = 100
_NAME_CHARACTERS: Final = 8
_USE_NOTED_EVERY: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose token it is (`Author.key`), and the direct message in which it was made."""

    person: str
    place: ConversationKey
    digest: str = field(repr=False)


def _now() -> datetime:
    return datetime.now(UTC)


class PersonalTokens:
    """The tokens in a `Database`, which it does not own."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = _now) -> None:
        self._database = database
        self._clock = clock

    async def make(self, person: str, place: ConversationKey) -> str:
        """Make a token for a person and return it: nobody can read it again. Raises `Refused` if
        they have too many."""
        token, now = TOKEN_PREFIX + secrets.token_urlsafe(_TOKEN_BYTES), self._clock()
        row = {
            "digest": digest_of(token),
            "person": person,
            "place": str(replace(place, thread=None, user=None)),
            "at": now,
            "used_at": None,
            "ends_at": now + TOKEN_LIFETIME,
        }

        def job(connection: Connection) -> bool:
            one_at_a_time(connection, f"access_tokens:{person}")
            connection.execute(delete(access_tokens).where(access_tokens.c.ends_at <= now))
            theirs = select(func.count()).where(access_tokens.c.person == person)
            if connection.execute(theirs).scalar_one() >= MAX_TOKENS_PER_PERSON:
                return False
            connection.execute(insert(access_tokens), row)
            return True

        if not await self._database.write(job):
            raise Refused(
                say(
                    "You have {number} tokens already; take one back first.",
                    number=MAX_TOKENS_PER_PERSON,
                )
            )
        return token

    async def find(self, token: str) -> Holder | None:
        """Return whose token it is, and note that it was used; None if nobody's, or it has
        ended."""
        if not token.startswith(TOKEN_PREFIX) or len(token) > _MAX_TOKEN_CHARACTERS:
            return None
        digest, now = digest_of(token), self._clock()
        here = access_tokens.c.digest == digest
        async with self._database.read() as connection:
            row = (await connection.execute(select(access_tokens).where(here))).first()
        if row is None or row.ends_at <= now:
            return None
        if row.used_at is None or now - row.used_at >= _USE_NOTED_EVERY:
            used: Any = update(access_tokens).where(here).values(used_at=now)
            await self._database.write(lambda connection: connection.execute(used).rowcount)
        return Holder(row.person, ConversationKey.parse(row.place), digest)

    async def of_person(self, person: str) -> Sequence[AccessToken]:
        """Return a person's tokens that have not ended, the oldest first."""
        query = (
            select(access_tokens)
            .where(access_tokens.c.person == person, access_tokens.c.ends_at > self._clock())
            .order_by(access_tokens.c.at)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return [
            AccessToken(row.digest[:_NAME_CHARACTERS], row.at, row.used_at, row.ends_at)
            for row in rows
        ]

    async def revoke(self, person: str, name: str = "") -> int:
        """Take back a person's token of this name, or all of theirs; returns how many."""
        theirs = access_tokens.c.person == person
        if name:
            named = func.substr(access_tokens.c.digest, 1, _NAME_CHARACTERS) == name
            theirs &= named
        gone = delete(access_tokens).where(theirs)
        return await self._database.write(lambda connection: connection.execute(gone).rowcount)
