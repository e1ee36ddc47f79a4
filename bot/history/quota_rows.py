"""The questions an hour that people have used, as rows which all processes on a database share."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

from bot.storage.database import Database

_MICROSECONDS: Final = 1_000_000
# What a new row would hold is when the bucket is full again if this were the person's only turn.
_TAKE: Final = text(
    "INSERT INTO quotas (person, full_at) VALUES"
    " (:person, CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint) + :each)"
    " ON CONFLICT (person) DO UPDATE"
    " SET full_at = greatest(quotas.full_at + :each, excluded.full_at)"
    " WHERE greatest(quotas.full_at + :each, excluded.full_at)"
    " <= excluded.full_at - :each + :most RETURNING full_at"
)
_WAIT: Final = text(
    "SELECT full_at + :each - :most"
    " - CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)"
    " FROM quotas WHERE person = :person"
)


async def take_turn(database: Database, person: str, seconds: float, most: float) -> float:
    """Take one turn out of the bucket of a person (`Author.key`) in a PostgreSQL database, which
    holds `most` and gets one back every so many seconds; returns 0, or how long to wait where there
    is none, in seconds. Raises `StorageError`."""
    each = round(seconds * _MICROSECONDS)
    values = {"person": person, "each": each, "most": round(most * each)}

    def job(connection: Connection) -> int:
        if connection.execute(_TAKE, values).first() is not None:
            return 0
        return max(1, connection.scalar(_WAIT, values) or 1)

    return await database.write(job) / _MICROSECONDS
