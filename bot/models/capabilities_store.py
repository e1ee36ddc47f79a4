"""What models were found to be able to do, in SQLite: known before they are loaded again."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from backends.base import Capabilities
from bot.history.tables import capabilities
from bot.storage.database import Database

_CAPABILITIES: TypeAdapter[Capabilities] = TypeAdapter(Capabilities)

_put = insert(capabilities)
_put = _put.on_conflict_do_update(
    index_elements=["replica"],
    set_={"found": _put.excluded.found, "at": _put.excluded.at},
)


class SqlCapabilitiesStore:
    """Capabilities by a key that changes with the model's entry in config.yaml."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> dict[str, Capabilities]:
        """Everything that is known; what an older version wrote otherwise is left out."""
        async with self._database.read() as connection:
            rows = (await connection.execute(select(capabilities))).all()
        known: dict[str, Capabilities] = {}
        for row in rows:
            try:
                known[row.replica] = _CAPABILITIES.validate_json(row.found)
            except ValidationError:
                continue
        return known

    async def put(self, key: str, found: Capabilities) -> None:
        """Keep what was found; a later finding replaces an earlier one."""
        row = {
            "replica": key,
            "found": _CAPABILITIES.dump_json(found).decode(),
            "at": datetime.now(UTC),
        }

        def job(connection: Connection) -> None:
            connection.execute(_put, row)

        await self._database.write(job)
