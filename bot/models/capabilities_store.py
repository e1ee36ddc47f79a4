"""What models were found to be able to do, in SQLite: known before they are loaded again."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, select

from backends.base import Capabilities
from bot.history.tables import capabilities
from bot.storage.database import Database
from bot.storage.insert import insert_into

_CAPABILITIES: TypeAdapter[Capabilities] = TypeAdapter(Capabilities)


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
            insert = insert_into(connection, capabilities)
            changed = {"found": insert.excluded.found, "at": insert.excluded.at}
            replace = insert.on_conflict_do_update(index_elements=["replica"], set_=changed)
            connection.execute(replace, row)

        await self._database.write(job)
