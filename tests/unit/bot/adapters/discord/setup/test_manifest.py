"""What the operator is told: the invite link, and which switch to flip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.adapters.discord import manifest
from bot.adapters.discord.setup.manifest import NAMES, PERMISSIONS, application_of
from bot.adapters.discord.transport.gateway import CONTENT_REFUSED, TOKEN_REFUSED
from bot.config.platforms import DiscordSettings
from tests.fakes.discord import TOKEN, FakeDiscord
from tests.fakes.discord.running import SKILLS
from tests.fakes.discord.state import APPLICATION, GUILD

COMMANDS = SKILLS[0].commands


class TestManifest:
    def test_the_link_asks_for_exactly_what_is_needed(self) -> None:
        text = manifest(COMMANDS, DiscordSettings(), TOKEN)
        assert f"client_id={APPLICATION}&scope=bot+applications.commands" in text
        assert f"permissions={PERMISSIONS.value}" in text
        assert PERMISSIONS.value == 309237746688
        assert "Send Messages in Threads" in text
        assert "  /paint — Paint something." in text
        assert "  Note this down" in text

    def test_it_never_holds_the_token(self) -> None:
        assert TOKEN not in manifest(COMMANDS, DiscordSettings(), TOKEN)

    @pytest.mark.parametrize("token", [None, "", "not a token", "ä.b.c", "aGVsbG8.b.c"])
    def test_without_a_token_it_says_where_the_id_is(self, token: str | None) -> None:
        assert application_of(token) is None
        assert "YOUR_APPLICATION_ID: Developer Portal" in manifest(
            COMMANDS, DiscordSettings(), token
        )

    def test_it_names_the_intent_that_is_configured(self) -> None:
        assert "  none" in manifest(COMMANDS, DiscordSettings())
        text = manifest(COMMANDS, DiscordSettings(message_content=True, user_install=False))
        assert "Message Content Intent: on" in text
        assert "your own account" not in text


class TestPage:
    """docs/discord.md says what is so."""

    page = (Path(__file__).parents[6] / "docs" / "discord.md").read_text("utf-8")

    @pytest.mark.parametrize("name", NAMES.values())
    def test_it_names_every_permission(self, name: str) -> None:
        assert name in self.page

    @pytest.mark.parametrize("key", sorted(set(DiscordSettings.model_fields) - {"enabled"}))
    def test_it_shows_every_setting(self, key: str) -> None:
        assert f"\n  {key}: " in self.page

    def test_it_quotes_what_is_said_in_trouble(self) -> None:
        for sentence in (TOKEN_REFUSED, CONTENT_REFUSED):
            assert f"| `{sentence.split(':')[0]}` |" in self.page


class TestCheck:
    async def advice(self, make: Any, **settings: Any) -> list[str]:
        return list(await make(settings=settings).adapter.check())

    async def test_all_is_well(self, make: Any, fake: FakeDiscord) -> None:
        assert await self.advice(make, message_content=True, guilds=[GUILD]) == []

    async def test_a_wrong_token(self, make: Any, fake: FakeDiscord) -> None:
        (line,) = await make(token="wrong.token.secret").adapter.check()
        assert "DISCORD_TOKEN" in line
        assert "secret" not in line

    async def test_an_intent_that_is_not_granted(self, make: Any, fake: FakeDiscord) -> None:
        fake.rest.flags = 0
        assert await self.advice(make) == []
        (line,) = await self.advice(make, message_content=True)
        assert "Message Content" in line
        assert "discord.message_content" in line

    async def test_missing_permissions_by_their_names(self, make: Any, fake: FakeDiscord) -> None:
        fake.world.bot_permissions = PERMISSIONS.value & ~(1 << 35) & ~(1 << 15)
        (line,) = await self.advice(make)
        assert line.startswith("In The Lab the bot lacks Create Public Threads, Attach Files:")
        fake.world.bot_permissions = 1 << 3
        assert await self.advice(make) == []

    async def test_a_server_that_the_bot_is_not_in(self, make: Any, fake: FakeDiscord) -> None:
        (line,) = await self.advice(make, guilds=[999])
        assert "999" in line

    async def test_commands_that_go_elsewhere(self, make: Any, fake: FakeDiscord) -> None:
        fake.rest.endpoint = "https://example.org/interactions"
        (line,) = await self.advice(make)
        assert "Interactions Endpoint URL" in line

    async def test_no_network(self, make: Any, fake: FakeDiscord) -> None:
        fake.fail_next("GET", "/users/@me$", 503)
        (line,) = await self.advice(make)
        assert "cannot be reached" in line
