"""Where the database is: in a file of SQLite, or at a PostgreSQL server."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import urlencode

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
        """Read `postgresql://user:password@host:port/name`, with several hosts separated by commas
        if need be. Raises `ConfigError`, without the text, which may hold a password."""
        try:
            url = make_url(_with_hosts_in_query(written))
        except (ArgumentError, ValueError):
            url = None
        if url is None or url.drivername not in _SCHEMES or not url.database:
            raise ConfigError(
                "The database's address must look like postgresql://user@host:5432/name."
            )
        return cls(url.set(drivername=_DRIVER))

    def __str__(self) -> str:
        host = self.url.host or self.url.query.get("host") or "localhost"
        return f"{self.url.database} at {host if isinstance(host, str) else ','.join(host)}"


def _with_hosts_in_query(written: str) -> str:
    """The address with several hosts, `one:5432,two:5432`, where SQLAlchemy reads them."""
    scheme, colon, rest = written.partition("://")
    authority, slash, name = rest.partition("/")
    user, at, hosts = authority.rpartition("@")
    if "," not in hosts:
        return written
    places = [_split_port(host) for host in hosts.split(",")]
    query = urlencode({
        "host": ",".join(host for host, _ in places),
        "port": ",".join(port for _, port in places),
    })  # fmt: skip
    return f"{scheme}{colon}{user}{at}{slash}{name}{'&' if '?' in name else '?'}{query}"


def _split_port(host: str) -> tuple[str, str]:
    name, _, port = host.rpartition(":")
    return (name.strip("[]"), port) if name and port.isdecimal() else (host.strip("[]"), "")


DatabaseAddress: TypeAlias = Path | ServerAddress
