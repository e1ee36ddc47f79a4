"""Where the database is: in a file of SQLite, or at a PostgreSQL server."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from bot.errors import ConfigError

DATABASE_URL_VARIABLE: Final = "PARLANCE_DATABASE_URL"
"""The environment variable with the address of a PostgreSQL database, its password included."""
_DRIVER: Final = "postgresql+psycopg"
_SCHEMES: Final = frozenset({"postgres", "postgresql", _DRIVER})


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A database at a PostgreSQL server. `str()` and `repr()` show no password."""

    url: URL = field(repr=False)

    @classmethod
    def parse(cls, written: str) -> ServerAddress:
        """Read `postgresql://user:password@host:port/name`. Raises `ConfigError`, without the
        text, which may hold a password."""
        try:
            url = make_url(written)
        except (ArgumentError, ValueError):
            url = None
        if url is None or url.drivername not in _SCHEMES or not url.database:
            raise ConfigError(
                "The database's address must look like postgresql://user@host:5432/name."
            )
        return cls(url.set(drivername=_DRIVER))

    def __str__(self) -> str:
        host = self.url.host or self.url.query.get("host") or "localhost"
        return f"{self.url.database} at {host}"


DatabaseAddress: TypeAlias = Path | ServerAddress
