"""What people did in the console: who, what, to what, when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import insert, select

from bot.sign_in.tables import console_changes
from bot.storage.database import Database

MAX_SUBJECT_CHARACTERS: Final = 300


@dataclass(frozen=True, slots=True)
class RecordedChange:
    """One thing that somebody (`Author.key`, empty once they are forgotten) did."""

    at: datetime
    person: str
    action: str
    subject: str


class ChangeRecord:
    """The record in a `Database`, which it does not own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, person: str, action: str, subject: str = "") -> None:
        """Write down what somebody does, before it is done. Raises `StorageError`."""
        row = {
            "at": datetime.now(UTC),
            "person": person,
            "action": action,
            "subject": subject[:MAX_SUBJECT_CHARACTERS],
        }
        await self._database.write(
            lambda connection: connection.execute(insert(console_changes), row).rowcount
        )

    async def newest(self, limit: int = 50) -> Sequence[RecordedChange]:
        """Return what was done last, the newest first."""
        query = select(console_changes).order_by(console_changes.c.id.desc()).limit(limit)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return [RecordedChange(row.at, row.person, row.action, row.subject) for row in rows]
