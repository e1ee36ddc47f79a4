"""Stores in SQLite what people chose at run time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert

from bot.history.tables import choices
from bot.storage.database import Database
from bot.types import Scope

_put = insert(choices)
_put = _put.on_conflict_do_update(
    index_elements=["name", "scope"],
    set_={column: _put.excluded[column] for column in ("value", "by", "at")},
)
_find = select(choices.c.scope, choices.c.value).where(
    choices.c.name == bindparam("name"), choices.c.scope.in_(bindparam("scopes", expanding=True))
)
_clear = delete(choices).where(
    choices.c.name == bindparam("of_name"), choices.c.scope == bindparam("of_scope")
)


class SqlPreferences:
    """Implements `Preferences` on a `Database`, which it does not own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, name: str, scope: str) -> str | None:
        return (await self._values(name, [scope])).get(scope)

    async def put(self, name: str, scope: str, value: str, by: str) -> None:
        row = {"name": name, "scope": scope, "value": value, "by": by, "at": datetime.now(UTC)}

        def job(connection: Connection) -> None:
            connection.execute(_put, row)

        await self._database.write(job)

    async def clear(self, name: str, scope: str) -> None:
        def job(connection: Connection) -> None:
            connection.execute(_clear, {"of_name": name, "of_scope": scope})

        await self._database.write(job)

    async def resolve(
        self, name: str, scopes: Sequence[tuple[Scope, str]]
    ) -> tuple[Scope, str] | None:
        values = await self._values(name, [key for _, key in scopes])
        return next(((width, values[key]) for width, key in scopes if key in values), None)

    async def _values(self, name: str, scopes: Sequence[str]) -> dict[str, str]:
        async with self._database.read() as connection:
            rows = await connection.execute(_find, {"name": name, "scopes": scopes})
            return {row.scope: row.value for row in rows}
