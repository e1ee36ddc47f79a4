"""Stores in SQLite what people chose at run time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, bindparam, delete, select

from bot.history.tables import choices
from bot.storage.address import DatabaseAddress
from bot.storage.blocking import revision_at, write_once
from bot.storage.database import Database
from bot.storage.insert import Insert, InsertInto, InsertStatement
from bot.types import Scope


@InsertStatement
def _put(insert_into: InsertInto) -> Insert:
    insert = insert_into(choices)
    return insert.on_conflict_do_update(
        index_elements=["name", "scope"],
        set_={column: insert.excluded[column] for column in ("value", "by", "at")},
    )


_find = select(choices.c.name, choices.c.scope, choices.c.value).where(
    choices.c.scope.in_(bindparam("scopes", expanding=True))
)
_every = select(choices.c.name, choices.c.scope, choices.c.value)
_clear = delete(choices).where(
    choices.c.name == bindparam("of_name"), choices.c.scope == bindparam("of_scope")
)


MAX_KNOWN_SCOPES = 10_000
"""Scopes of which the choices are kept in memory."""


class SqlPreferences:
    """Implements `Preferences` on a `Database`, which it does not own.

    The choices of a scope are read together and kept until anything in the table changes.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, Mapping[str, str]] = {}
        self._version = database.version(choices)

    async def get(self, name: str, scope: str) -> str | None:
        return (await self.choices([scope]))[scope].get(name)

    async def of(self, name: str) -> Mapping[str, str]:
        async with self._database.read() as connection:
            rows = await connection.execute(_every.where(choices.c.name == name))
            return {row.scope: row.value for row in rows}

    async def starting_with(self, prefix: str) -> Sequence[tuple[str, str, str]]:
        found = _every.where(choices.c.name.startswith(prefix, autoescape=True))
        async with self._database.read() as connection:
            rows = (await connection.execute(found)).all()
        return [(row.name, row.scope, row.value) for row in rows]

    async def put(self, name: str, scope: str, value: str, by: str) -> None:
        row = {"name": name, "scope": scope, "value": value, "by": by, "at": datetime.now(UTC)}

        def job(connection: Connection) -> None:
            connection.execute(_put(connection), row)

        await self._database.write(job, changes=choices)

    async def clear(self, name: str, scope: str) -> None:
        def job(connection: Connection) -> None:
            connection.execute(_clear, {"of_name": name, "of_scope": scope})

        await self._database.write(job, changes=choices)

    async def resolve(
        self, name: str, scopes: Sequence[tuple[Scope, str]]
    ) -> tuple[Scope, str] | None:
        found = await self.choices([key for _, key in scopes])
        return next(
            ((width, found[key][name]) for width, key in scopes if name in found[key]), None
        )

    async def choices(self, scopes: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """What was chosen for each of these scopes, by name."""
        known = self._up_to_date()
        found = {scope: known[scope] for scope in scopes if scope in known}
        missing = {scope: dict[str, str]() for scope in scopes if scope not in known}
        if missing:
            async with self._database.read() as connection:
                for row in await connection.execute(_find, {"scopes": list(missing)}):
                    missing[row.scope][row.name] = row.value
            if known is self._up_to_date():  # else what was read may be out of date already
                if len(known) + len(missing) > MAX_KNOWN_SCOPES:
                    known.clear()
                known.update(missing)
        return {**found, **missing}

    def _up_to_date(self) -> dict[str, Mapping[str, str]]:
        """What is known of the table as it is now: a new dictionary after every change."""
        version = self._database.version(choices)
        if version != self._version:
            self._known, self._version = {}, version
        return self._known


def clear_choice(address: DatabaseAddress, name: str, scope: str) -> None:
    """Clear a choice in a database from a process that has no app; blocks.

    A bot that runs on a file keeps what it has read. Raises `StorageError`.
    """
    if revision_at(address) is None:
        return  # there is none yet, and so no choice
    values = {"of_name": name, "of_scope": scope}
    write_once(address, lambda connection: connection.execute(_clear, values))
