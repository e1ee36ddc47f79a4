"""The settings of a channel: what was chosen last holds, however late an earlier answer comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import pytest

from bot.settings.channel_settings import ChosenSettings
from bot.settings.choices_store import SqlPreferences
from bot.settings.values import ChannelSettings
from bot.storage.database import Database
from bot.types import ConversationKey

HERE = ConversationKey("slack", "T1", "C1")


class SlowPreferences(SqlPreferences):
    """The real store; what is read comes late, when `let_go` is set."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.let_go = asyncio.Event()
        self.has_read = asyncio.Event()

    async def choices(self, scopes: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        found = await super().choices(scopes)
        await self._wait()
        return found

    async def _wait(self) -> None:
        self.has_read.set()
        await self.let_go.wait()


@pytest.fixture
async def slow(tmp_path: Path) -> AsyncIterator[SlowPreferences]:
    database = await Database.open(tmp_path / "parlance.db")
    yield SlowPreferences(database)
    await database.close()


async def test_an_older_read_does_not_hide_a_changed_permission(slow: SlowPreferences) -> None:
    settings = ChosenSettings(slow, lambda _: ChannelSettings(), commands=lambda: ["ask"])
    older = asyncio.create_task(settings.access("ask", HERE))
    await slow.has_read.wait()
    await settings.put("command.ask", "nobody", "channel", HERE, "slack:root")
    slow.let_go.set()
    await older
    access = await settings.access("ask", HERE)
    assert access is not None
    assert access.whom == "nobody"
