"""Who is not in a base's role or channel sees nothing of it, whatever way they try."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.discord.running import QUICK
from tests.fakes.discord.state import ADA, CHANNEL, DM, EVE, GUILD, OTHER_CHANNEL
from tests.fakes.slack.acting import ADA as SLACK_ADA
from tests.fakes.slack.acting import DIRECT, Acting
from tests.hostile.permissions import DISCORD_WAYS, SLACK_WAYS, TEXT, TITLE
from tests.hostile.test_permissions import OnDiscord, OnSlack
from tests.scenarios.harness import House
from tests.scenarios.on_discord import DiscordDriver
from tests.scenarios.on_slack import SlackDriver

STAFF = 260
VIEW = 1 << 10
A_MOMENT_S = QUICK.lookup_reuse + 0.05
"""After this what a platform has said of a person is asked again."""
OWN_WAYS = {"list the own base", "search the own base"}
BOUND = {
    "channels": [f"discord:{GUILD}:{CHANNEL}", "slack:T1:C1"],
    "roles": [f"discord:{STAFF}", "slack:S1"],
}
"""Who has the role is answered in the channel."""
BY_CHANNEL = {"channels": [f"discord:{GUILD}:{OTHER_CHANNEL}", "slack:T1:C2"]}
"""Everybody in another channel is."""
BY_ROLE = {"roles": [f"discord:{STAFF}", "slack:S1"]}
"""Who has the role is, in direct messages."""


def _bases(secret: Mapping[str, Any]) -> Mapping[str, Any]:
    bases = {"default": {"default": True}, "secret": dict(secret)}
    return {"knowledge": {"bases": bases, "sync": []}}


class _Discord(DiscordDriver):
    def __init__(self, secret: Mapping[str, Any]) -> None:
        super().__init__()
        self._secret = secret

    def config(self) -> Mapping[str, Any]:
        return {**super().config(), **_bases(self._secret)}


class _Slack(SlackDriver):
    def __init__(self, secret: Mapping[str, Any]) -> None:
        super().__init__()
        self._secret = secret

    def config(self) -> Mapping[str, Any]:
        return {**super().config(), **_bases(self._secret)}


async def _keep_the_secret(house: House) -> None:
    assert house.app is not None
    name = f"{TITLE}.md"
    text = f"# {TITLE}\n\n{TEXT}".encode()
    async for _ in house.app.knowledge.add_bytes(name, text, base="secret"):
        pass


@pytest.fixture
async def discord(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[OnDiscord]:
    driver = await _Discord(request.param).open()
    world = driver.fake.world
    world.people_permissions, world.owner = VIEW, EVE
    hidden = {"id": str(GUILD), "type": 0, "allow": "0", "deny": str(VIEW)}
    shown = {"id": str(STAFF), "type": 0, "allow": str(VIEW), "deny": "0"}
    world.channels[OTHER_CHANNEL]["permission_overwrites"] = [hidden, shown]
    house = House(tmp_path, driver)
    await house.start()
    await _keep_the_secret(house)
    yield OnDiscord(house, driver.fake)
    await house.stop()
    await driver.close()


@pytest.fixture
async def slack(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[OnSlack]:
    driver = await _Slack(request.param).open()
    driver.fake.workspace.directs = {DIRECT: SLACK_ADA}
    house = House(tmp_path, driver)
    await house.start()
    await _keep_the_secret(house)
    yield OnSlack(house, Acting(driver.fake))
    await house.stop()
    await driver.close()


async def _tried_on_discord(watched: OnDiscord, at: int) -> set[str]:
    """The ways by which the secret came out."""
    found = set()
    for name, way in DISCORD_WAYS.items():
        if name not in OWN_WAYS:
            watched.look_away()
            await watched.tries(way, at, name)
            found |= {name} if watched.leaks() else set()
    return found


async def _tried_on_slack(watched: OnSlack, at: str) -> set[str]:
    found = set()
    for name, way in SLACK_WAYS.items():
        if name not in OWN_WAYS:
            watched.look_away()
            await watched.tries(way, at, name)
            found |= {name} if watched.leaks() else set()
    return found


class TestDiscord:
    @pytest.mark.parametrize("discord", [BOUND], indirect=True)
    async def test_a_base_with_a_role_was_for_everybody_in_its_channel(
        self, discord: OnDiscord
    ) -> None:
        assert await _tried_on_discord(discord, CHANNEL) == set()
        discord.fake.world.roles[ADA] = (STAFF,)
        assert await _tried_on_discord(discord, CHANNEL) == {*DISCORD_WAYS} - OWN_WAYS
        discord.fake.world.roles[ADA] = ()
        for name in ("list", "search"):  # the others are given what was said before
            discord.look_away()
            await discord.tries(DISCORD_WAYS[name], CHANNEL, name)
            assert (name, discord.leaks()) == (name, [])

    @pytest.mark.parametrize("discord", [BY_CHANNEL], indirect=True)
    async def test_in_direct_messages_it_is_found_by_who_can_read_the_channel(
        self, discord: OnDiscord
    ) -> None:
        assert await _tried_on_discord(discord, DM) == set()
        discord.fake.world.roles[ADA] = (STAFF,)
        await asyncio.sleep(A_MOMENT_S)
        assert await _tried_on_discord(discord, DM) == {*DISCORD_WAYS} - OWN_WAYS
        discord.fake.world.left.add(ADA)
        await asyncio.sleep(A_MOMENT_S)
        discord.look_away()
        await discord.tries(DISCORD_WAYS["search"], DM, "search")
        assert discord.leaks() == []

    @pytest.mark.parametrize("discord", [BY_ROLE], indirect=True)
    async def test_in_direct_messages_nobody_had_a_role(self, discord: OnDiscord) -> None:
        assert await _tried_on_discord(discord, DM) == set()
        discord.fake.world.roles[ADA] = (STAFF,)
        await asyncio.sleep(A_MOMENT_S)
        assert await _tried_on_discord(discord, DM) == {*DISCORD_WAYS} - OWN_WAYS
        assert await _tried_on_discord(discord, CHANNEL) == set()  # where others read it


class TestSlack:
    @pytest.mark.parametrize("slack", [BOUND], indirect=True)
    async def test_a_base_with_a_group_is_for_the_group(self, slack: OnSlack) -> None:
        workspace = slack.people.fake.workspace
        workspace.groups = {"S1": ["U0EVE"]}
        assert await _tried_on_slack(slack, "C1") == set()
        workspace.groups = {"S1": [SLACK_ADA]}
        await slack.people.fake.event({"type": "subteam_updated", "subteam": {"id": "S1"}})
        assert await _tried_on_slack(slack, "C1") == {*SLACK_WAYS} - OWN_WAYS

    @pytest.mark.parametrize("slack", [BY_ROLE], indirect=True)
    async def test_in_direct_messages_a_group_counts_as_well(self, slack: OnSlack) -> None:
        slack.people.fake.workspace.groups = {"S1": [SLACK_ADA]}
        assert await _tried_on_slack(slack, DIRECT) == {*SLACK_WAYS} - OWN_WAYS
        assert await _tried_on_slack(slack, "C1") == set()  # where others read it

    @pytest.mark.parametrize("slack", [BY_CHANNEL], indirect=True)
    async def test_in_direct_messages_it_is_found_by_who_is_in_the_channel(
        self, slack: OnSlack
    ) -> None:
        workspace = slack.people.fake.workspace
        workspace.channels = {"C2": ["U0EVE"]}
        assert await _tried_on_slack(slack, DIRECT) == set()
        await slack.house.restart()  # what Slack said is used again for a minute
        workspace.channels = {"C2": [SLACK_ADA]}
        assert await _tried_on_slack(slack, DIRECT) == {*SLACK_WAYS} - OWN_WAYS
