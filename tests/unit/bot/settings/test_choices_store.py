"""What people chose at run time: the narrowest scope counts, and restarts change nothing."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.settings.choices_store import SqlPreferences
from bot.storage.database import Database
from bot.types import SCOPES, ConversationKey

HERE = ConversationKey("slack", "T1", "C1", thread="9.1")
SCOPED = [(width, HERE.scope(width)) for width in SCOPES]


@pytest.fixture
async def choices(tmp_path: Path) -> AsyncIterator[SqlPreferences]:
    database = await Database.open(tmp_path / "parlance.db")
    yield SqlPreferences(database)
    await database.close()


async def test_nothing_was_chosen(choices: SqlPreferences) -> None:
    assert await choices.get("model", "") is None
    assert await choices.resolve("model", SCOPED) is None
    assert await choices.resolve("model", []) is None


async def test_the_narrowest_scope_counts(choices: SqlPreferences) -> None:
    for width in reversed(SCOPES):
        await choices.put("model", HERE.scope(width), f"for-{width}", "slack:ada")
        assert await choices.resolve("model", SCOPED) == (width, f"for-{width}")
    for width, wider in itertools.pairwise(SCOPES):
        await choices.clear("model", HERE.scope(width))
        assert await choices.resolve("model", SCOPED) == (wider, f"for-{wider}")


async def test_a_later_choice_replaces_an_earlier_one(choices: SqlPreferences) -> None:
    await choices.put("model", "", "one", "slack:ada")
    await choices.put("model", "", "two", "slack:bob")
    assert await choices.get("model", "") == "two"


async def test_names_do_not_mix(choices: SqlPreferences) -> None:
    await choices.put("model", "", "one", "slack:ada")
    assert await choices.get("persona", "") is None
    await choices.clear("persona", "")
    assert await choices.get("model", "") == "one"


async def test_choices_survive_a_restart(tmp_path: Path) -> None:
    for run in range(2):
        database = await Database.open(tmp_path / "parlance.db")
        choices = SqlPreferences(database)
        assert await choices.get("model", "slack:T1") == (None if run == 0 else "tiny")
        await choices.put("model", "slack:T1", "tiny", "slack:ada")
        await database.close()
