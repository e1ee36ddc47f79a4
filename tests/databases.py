"""Databases for the tests: files of SQLite, and a PostgreSQL server where one is installed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from bot.storage.address import DatabaseAddress, ServerAddress
from tests.fakes.postgresql import PostgresqlServer, find_programs, running_server

REQUIRED: Final = "PARLANCE_POSTGRESQL_REQUIRED"
"""The environment variable with which a machine without PostgreSQL is a failure."""
ENGINES: Final = ("sqlite", "postgresql")
_ABSENT: Final = "there is no PostgreSQL here (Debian: apt install postgresql)"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where there is no PostgreSQL, one test stands for all that are left out, and says so."""
    needing = [item for item in items if _needs_server(item)]
    if not needing or find_programs() is not None or os.environ.get(REQUIRED):
        return
    needing[0].add_marker(pytest.mark.skip(f"PostgreSQL, {len(needing)} tests: {_ABSENT}"))
    left_out = needing[1:]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


def _needs_server(item: pytest.Item) -> bool:
    if "postgresql" in getattr(item, "fixturenames", ()):
        return True
    call = getattr(item, "callspec", None)
    return call is not None and "postgresql" in call.params.values()


def server_programs() -> Path:
    """The folder of PostgreSQL's programs; fails where it is not installed."""
    found = find_programs()
    if found is None:
        pytest.fail(_ABSENT)
    return found


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    """A running PostgreSQL, one for the session; a test that stops it starts one of its own."""
    with running_server(server_programs()) as server:
        yield server


@pytest.fixture
def own_postgresql(postgresql: PostgresqlServer) -> Iterator[PostgresqlServer]:
    """A PostgreSQL for one test, which may stop it."""
    with running_server(postgresql.programs) as server:
        yield server


@pytest.fixture(params=ENGINES)
def new_address(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[str], DatabaseAddress]]:
    """Makes databases by their names: those that do not exist yet in files, or empty ones at a
    server, in turn."""
    if request.param == "sqlite":
        yield lambda name: tmp_path / f"{name}.db"
        return
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    made: dict[str, ServerAddress] = {}
    yield lambda name: made[name] if name in made else made.setdefault(name, server.create())
    for address in made.values():
        server.drop(address)


@pytest.fixture
def database_address(new_address: Callable[[str], DatabaseAddress]) -> DatabaseAddress:
    """A database that does not exist yet in a file, or an empty one at a server, in turn."""
    return new_address("parlance")
