"""Fixtures of the core's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from bot.config.core import LoggingSettings
from bot.history.protocol import HistoryStore
from bot.history.sql_store import SqlHistoryStore
from bot.observability.logs import configure
from bot.storage.address import DatabaseAddress
from bot.storage.database import Database
from tests.fakes.core import Bench
from tests.fakes.history import MemoryHistoryStore
from tests.fakes.postgresql import PostgresqlServer
from tests.fakes.sink import RecordingSink


@pytest.fixture
def sink() -> RecordingSink:
    return RecordingSink()


@pytest.fixture
def json_log() -> None:
    """Log as an operator's machine does, for the length of a test."""
    configure(LoggingSettings(format="json"))


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def history_address(request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseAddress | None:
    """Where a history is kept; None in memory."""
    if request.param == "memory":
        return None
    if request.param == "sqlite":
        return tmp_path / "parlance.db"
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    return server.create()


@pytest.fixture
async def history(history_address: DatabaseAddress | None) -> AsyncIterator[HistoryStore]:
    """A store of each kind: what holds for one must hold for the other."""
    if history_address is None:
        yield MemoryHistoryStore()
        return
    database = await Database.open(history_address)
    yield SqlHistoryStore(database)
    await database.close()


@pytest.fixture
async def bench() -> AsyncIterator[Callable[..., Bench]]:
    """Makes cores, and closes them."""
    made: list[Bench] = []

    def make(*skills: Any, **more: Any) -> Bench:
        made.append(Bench(skills, **more))
        return made[-1]

    yield make
    for each in made:
        await each.core.close(0.5)
        assert len(each.core.open_turns) == 0
