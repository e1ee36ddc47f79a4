"""Stores in SQLite what people chose at run time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
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


_scopes = select(choices.c.scope).distinct().limit(bindparam("most"))


MAX_KNOWN_SCOPES = 10_000
"""Scopes of which the choices are kept in memory."""
MAX_LISTED_SCOPES = 5_000
"""Where no more scopes have choices, it is known of each other that it has none."""


@dataclass(slots=True)
class _Known:
    """What was read of the table. `scopes` are those that have choices: None before they are read,
    and of too many."""

    choices: dict[str, Mapping[str, str]] = field(default_factory=dict)
    prefixes: dict[str, Sequence[tuple[str, str, str]]] = field(default_factory=dict)
    scopes: Collection[str] | None = None
    too_many: bool = False


class SqlPreferences:
    """Implements `Preferences` on a `Database`, which it does not own.

    What is read is kept until anything in the table changes: the choices of a scope, and which
    scopes have any.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known = _Known()
        self._version = database.version(choices)

    async def get(self, name: str, scope: str) -> str | None:
        return (await self.choices([scope]))[scope].get(name)

    async def of(self, name: str) -> Mapping[str, str]:
        async with self._database.read() as connection:
            rows = await connection.execute(_every.where(choices.c.name == name))
            return {row.scope: row.value for row in rows}

    async def starting_with(self, prefix: str) -> Sequence[tuple[str, str, str]]:
        known = self._up_to_date()
        if prefix not in known.prefixes:
            found = _every.where(choices.c.name.startswith(prefix, autoescape=True))
            async with self._database.read() as connection:
                rows = (await connection.execute(found)).all()
            known.prefixes[prefix] = [(row.name, row.scope, row.value) for row in rows]
        return known.prefixes[prefix]

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
        await self._list_scopes(known)
        found: dict[str, Mapping[str, str]] = {}
        missing: dict[str, dict[str, str]] = {}
        for scope in scopes:
            if scope in known.choices:
                found[scope] = known.choices[scope]
            elif known.scopes is not None and scope not in known.scopes:
                found[scope] = {}
            else:
                missing[scope] = {}
        if missing:
            async with self._database.read() as connection:
                for row in await connection.execute(_find, {"scopes": list(missing)}):
                    missing[row.scope][row.name] = row.value
            if len(known.choices) + len(missing) > MAX_KNOWN_SCOPES:
                known.choices.clear()
            known.choices.update(missing)
        return {**found, **missing}

    async def _list_scopes(self, known: _Known) -> None:
        if known.scopes is not None or known.too_many:
            return
        async with self._database.read() as connection:
            values = {"most": MAX_LISTED_SCOPES + 1}
            scopes = (await connection.scalars(_scopes, values)).all()
        if len(scopes) > MAX_LISTED_SCOPES:
            known.too_many = True
        else:
            known.scopes = frozenset(scopes)

    def _up_to_date(self) -> _Known:
        """What is known of the table as it is now: another object after every change, so that
        nobody else sees what was read before it."""
        version = self._database.version(choices)
        if version != self._version:
            self._known, self._version = _Known(), version
        return self._known


def clear_choice(address: DatabaseAddress, name: str, scope: str) -> None:
    """Clear a choice in a database from a process that has no app; blocks.

    A bot that runs on a file keeps what it has read. Raises `StorageError`.
    """
    if revision_at(address) is None:
        return  # there is none yet, and so no choice
    values = {"of_name": name, "of_scope": scope}
    write_once(address, lambda connection: connection.execute(_clear, values))
