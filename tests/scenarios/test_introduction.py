"""The bot says how to ask where it is invited: once for a place, also over restarts."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

from tests.fakes.discord.state import CHANNEL
from tests.fakes.slack.acting import ADA, US
from tests.scenarios.harness import House
from tests.until import until

INVITED = 777_000_000_000_000_000
"""Another server, to which the bot is added."""
BEGINNING = "Hello! I answer questions"


async def invite(house: House, **more: Any) -> None:
    """Have somebody add the bot to the channel, or to a server with that channel, once it is there
    for good: Discord counts a server that it hears of before as one that was there already."""
    await house.driver.mention("are you there?")
    await house.reads("You said: are you there?")
    fake = house.driver.fake  # type: ignore[attr-defined]
    if house.driver.name == "discord":
        server = {**fake.world.guild(), "id": str(INVITED), "system_channel_id": str(CHANNEL)}
        del server["unavailable"]  # as of a server that was not there before
        await fake.gateway.dispatch("GUILD_CREATE", {**server, **more})
        return
    joined = {"type": "member_joined_channel", "user": US, "channel": "C1", "channel_type": "C"}
    await fake.event({**joined, "team": "T1", "inviter": ADA, **more})


async def introduced(house: House) -> list[str]:
    """Invite the bot until it has said how to ask: discord.py takes a server that it hears of in
    its first seconds, which last longer on a busy machine, for one that was there already."""
    for _ in range(20):
        await invite(house)
        with suppress(AssertionError):
            await until(lambda: introductions(house), within_s=3)
            break
    return introductions(house)


def introductions(house: House) -> list[str]:
    return [text for text in shown(house) if BEGINNING in text]


def shown(house: House) -> list[str]:
    """Everything that stands in the channel of the bot."""
    fake = house.driver.fake  # type: ignore[attr-defined]
    if house.driver.name == "discord":
        return [m["content"] for m in fake.from_bot(CHANNEL)]
    return [m.shown for m in fake.workspace.by(US, "C1")]


@pytest.mark.parametrize("driver", ["discord", "slack"], indirect=True)
class TestIntroduction:
    async def test_it_says_how_to_ask_once_over_restarts(self, house: House) -> None:
        (said,) = await introduced(house)
        assert "Mention me and ask" in said
        assert "shows everything that I can do." in said
        await invite(house)
        await house.restart()
        await invite(house)
        await house.driver.mention("hello there")
        await house.reads("You said: hello there")
        assert len(introductions(house)) == 1

    async def test_it_keeps_quiet_where_it_is_switched_off(self, make_house: Any) -> None:
        house: House = await make_house(open=False)
        before = house.driver.config

        def config() -> Mapping[str, Any]:
            return {**before(), house.driver.name: {"introduction": False}}

        house.driver.config = config  # type: ignore[method-assign]
        await house.start()
        await invite(house)
        await house.driver.mention("hello there")
        await house.reads("You said: hello there")
        assert introductions(house) == []

    async def test_it_keeps_quiet_where_it_may_not_write_or_somebody_else_joins(
        self, house: House
    ) -> None:
        slack = house.driver.name == "slack"
        await invite(house, **({"user": ADA} if slack else {"system_channel_id": None}))
        await house.driver.mention("hello there")
        await house.reads("You said: hello there")
        assert introductions(house) == []
