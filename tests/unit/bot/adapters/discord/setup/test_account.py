"""What a token of Discord stands for, and what is said of one that is wrong."""

from __future__ import annotations

import pytest

from bot.adapters.discord.setup.account import describe_missing, look_up, tidy, wrong_kind
from bot.adapters.discord.setup.manifest import PERMISSIONS, invite_link
from bot.config.platforms import DiscordSettings
from bot.errors import AdapterError
from tests.fakes.discord import TOKEN, FakeDiscord
from tests.fakes.discord.state import APPLICATION, GUILD


@pytest.mark.parametrize(
    ("pasted", "says"),
    [
        ("xoxb-1234-5678-abcdefgh", "a token of Slack"),
        ("80351110224678912", "the application's id"),
        ("a1" * 32, "the application's public key"),
        ("https://discord.com/api/webhooks/1/abc", "an address"),
        ("Ab3_" * 8, "the application's client secret"),
        ("mfa." + "x" * 84, "the token of a person"),
        ("hello", "three parts with dots"),
        ("", "three parts with dots"),
    ],
)
def test_what_can_be_no_bot_token_is_told_apart(pasted: str, says: str) -> None:
    said = wrong_kind(pasted)
    assert said is not None
    assert says in said
    assert "Reset Token" in said
    assert len(pasted) < 6 or pasted not in said


@pytest.mark.parametrize("around", ["{}", "  {}\n", "Bot {}", "DISCORD_TOKEN={}", '"{}"'])
def test_what_is_copied_along_with_a_token_is_taken_off(around: str) -> None:
    assert tidy(around.format(TOKEN)) == TOKEN
    assert wrong_kind(TOKEN) is None


async def test_it_says_whose_token_it_is_and_where_the_bot_may_write(fake: FakeDiscord) -> None:
    account = await look_up(DiscordSettings(), TOKEN)
    (server,) = account.servers
    assert (account.application, account.name) == (APPLICATION, "parlance")
    assert (server.id, server.name, account.usable) == (GUILD, "The Lab", True)
    assert account.invite == invite_link(APPLICATION)
    assert account.problems == ()


async def test_a_server_where_it_may_not_write(fake: FakeDiscord) -> None:
    fake.world.bot_permissions = PERMISSIONS.value & ~(1 << 11)
    account = await look_up(DiscordSettings(), TOKEN)
    (server,) = account.servers
    assert not account.usable
    assert describe_missing(server.name, server.lacks) == (
        "In The Lab the bot lacks Send Messages: give its role these permissions under Server "
        "Settings, Roles."
    )


async def test_an_application_without_the_intent(fake: FakeDiscord) -> None:
    fake.rest.flags = 0
    (problem,) = (await look_up(DiscordSettings(message_content=True), TOKEN)).problems
    assert "Message Content intent" in problem


@pytest.mark.parametrize(("status", "says"), [(401, "refuses the token"), (503, "the network")])
async def test_a_token_that_is_refused_and_no_network(
    fake: FakeDiscord, status: int, says: str
) -> None:
    fake.fail_next("GET", "/users/@me$", status)
    with pytest.raises(AdapterError, match=says) as caught:
        await look_up(DiscordSettings(), TOKEN)
    assert TOKEN not in str(caught.value)
