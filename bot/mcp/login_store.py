"""Keeps what logins at servers of tools gave, by server and person, encrypted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, insert, select

from bot.mcp.sealed import Sealer
from bot.mcp.tables import server_logins
from bot.storage.database import Database


@dataclass(frozen=True, slots=True)
class GivenClient:
    """This bot as an operator has registered it at a server, where it cannot do so itself."""

    id: str
    secret: str = field(default="", repr=False)


class LoginStore:
    """The logins in a `Database`, which it does not own."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    async def get(self, server: str, person: str) -> dict[str, Any] | None:
        """Return what was kept of a login; None where there is none that can be read."""
        query = select(server_logins.c.sealed).where(_of(server, person))
        async with self._database.read() as connection:
            sealed: str | None = (await connection.execute(query)).scalar()
        return None if sealed is None else self._sealer.open(sealed, server, person)

    async def put(self, server: str, person: str, value: dict[str, Any]) -> None:
        """Keep a login, in place of the one before."""
        row = {
            "server": server,
            "person": person,
            "sealed": self._sealer.seal(value, server, person),
            "at": datetime.now(UTC),
        }

        def job(connection: Connection) -> None:
            connection.execute(delete(server_logins).where(_of(server, person)))
            connection.execute(insert(server_logins), row)

        await self._database.write(job)

    async def of_person(self, person: str) -> Sequence[str]:
        """Return the servers at which a person is logged in, by name."""
        query = (
            select(server_logins.c.server)
            .where(server_logins.c.person == person)
            .order_by(server_logins.c.server)
        )
        async with self._database.read() as connection:
            return list((await connection.execute(query)).scalars())

    async def remove(self, server: str, person: str) -> bool:
        """Forget a login; returns False where there was none."""
        gone = delete(server_logins).where(_of(server, person))
        return bool(
            await self._database.write(lambda connection: connection.execute(gone).rowcount)
        )


def _of(server: str, person: str) -> ColumnElement[bool]:
    return (server_logins.c.server == server) & (server_logins.c.person == person)
