"""Stores when each source was last synced, and since when and why that fails."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from bot.knowledge.index.tables import syncs
from bot.storage.database import Database
from bot.storage.insert import insert_into


@dataclass(frozen=True, slots=True)
class SyncRow:
    """The last sync of a source. `failures` is how many failed in a row, since `failed_at`."""

    base: str
    location: str
    at: float
    failures: int = 0
    failed_at: float | None = None
    failure: str = ""


class SyncStore:
    """The table of syncs; each method is one short transaction."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def all(self) -> dict[tuple[str, str], SyncRow]:
        """Returns the last sync of every source, by base and location."""
        columns = [syncs.c[name] for name in SyncRow.__dataclass_fields__]
        async with self._db.read() as connection:
            rows = [SyncRow(*row) for row in await connection.execute(sa.select(*columns))]
        return {(row.base, row.location): row for row in rows}

    async def record(self, base: str, location: str, at: float, failure: str = "") -> SyncRow:
        """Records a sync that ended, with the sentence of its failure; returns the new row."""
        here = (syncs.c.base == base) & (syncs.c.location == location)

        def job(connection: Connection) -> SyncRow:
            before = connection.execute(
                sa.select(syncs.c.failures, syncs.c.failed_at).where(here)
            ).one_or_none()
            row = SyncRow(base, location, at)
            if failure:
                times, since = before if before is not None and before.failures else (0, at)
                row = SyncRow(base, location, at, times + 1, since, failure)
            values = {name: getattr(row, name) for name in SyncRow.__dataclass_fields__}
            statement = insert_into(connection, syncs).on_conflict_do_update(
                index_elements=["base", "location"], set_=values
            )
            connection.execute(statement, values)
            return row

        return await self._db.write(job)


def forget_syncs(connection: Connection, base: str) -> None:
    """Deletes the syncs of a base, in the transaction of the caller."""
    connection.execute(sa.delete(syncs).where(syncs.c.base == base))
