"""Limits how many turns a person may start in an hour, in all processes that share a database."""

from __future__ import annotations

from bot.history.quota_rows import take_turn
from bot.storage.database import Database
from bot.turns.quota import Quota


class SharedQuota(Quota):
    """The token bucket of each person as a row, by the database's clock."""

    def __init__(self, per_hour: int, database: Database) -> None:
        super().__init__(per_hour)
        self._database = database

    async def count(self, person: str) -> None:
        """Count one turn of a person. Raises `Busy`, and `StorageError`."""
        wait_s = await take_turn(self._database, person, self._seconds_per_turn, self._max_turns)
        if wait_s:
            raise self._used_up(wait_s)
