"""What config.yaml says about people, as the rest asks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bot.commands.checks import Check, has_role, is_admin
from bot.commands.declaration import Command, command
from bot.config import Config
from bot.settings.channel_settings import ChosenSettings
from bot.settings.choices_store import SqlPreferences
from bot.settings.from_config import named_roles
from bot.settings.values import ChannelSettings
from bot.skills.context import Context
from bot.storage.database import Database
from bot.types import Text


@pytest.fixture
async def chosen(tmp_path: Path) -> AsyncIterator[ChosenSettings]:
    database = await Database.open(tmp_path / "parlance.db")
    yield ChosenSettings(SqlPreferences(database), lambda _: ChannelSettings())
    await database.close()


RULES = {"rap": {"roles": ["slack:S1"]}}


@pytest.mark.parametrize(
    "said",
    [
        {"admins": {"roles": ["slack:S1"]}},
        {"commands": RULES},
        {"workspaces": {"slack:T1": {"commands": RULES}}},
        {"channels": {"slack:T1:C1": {"commands": RULES}}},
        {"knowledge": {"bases": {"hr": {"roles": ["slack:S1"]}}}},
    ],
)
async def test_a_rule_of_the_file_names_a_role(
    said: Mapping[str, Any], chosen: ChosenSettings
) -> None:
    config = Config.model_validate(said)
    assert await named_roles(config, (), chosen, "slack") == {"S1"}
    assert await named_roles(config, (), chosen, "discord") == set()
    assert await named_roles(Config(), (), chosen, "slack") == set()


def _command(check: Check | None) -> Command:
    @command("rap", checks=check)
    async def rap(ctx: Context) -> Any:
        """Rap."""
        yield Text("yo")

    return rap


@pytest.mark.parametrize(
    ("check", "named"),
    [
        (None, False),
        (is_admin, False),
        (has_role("S1"), True),
        (is_admin | has_role("S1"), True),
        (~has_role("S1") & is_admin, True),
    ],
)
async def test_a_check_of_a_command_names_a_role(
    check: Check | None, named: bool, chosen: ChosenSettings
) -> None:
    found = await named_roles(Config(), [_command(check)], chosen, "slack")
    assert found == ({"S1"} if named else set())
