"""Help shows a command as the platform writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.scenarios.harness import House


@pytest.mark.parametrize("driver", ["discord"], indirect=True)
class TestOnDiscord:
    async def test_a_command_is_a_link_that_calls_it_also_after_a_restart(
        self, house: House
    ) -> None:
        rest = house.driver.fake.rest  # type: ignore[attr-defined]
        await house.until(lambda: rest.registered, "the commands registered")
        [number] = [900 + n for n, c in enumerate(rest.commands[0]) if c["name"] == "ask"]
        for _ in range(2):
            await house.driver.mention("help")
            await house.hears(f"- </ask:{number}> `QUESTION`: Answer from")
            await house.restart()
        assert rest.registered == 1

    async def test_only_the_commands_of_the_bot_are_links(self, house: House) -> None:
        await house.driver.mention("see </ask:12345> and </pay:901>")
        await house.reads("You said: see <\u200b/ask:12345> and <\u200b/pay:901>")


@pytest.mark.parametrize("driver", ["slack", "terminal"], indirect=True)
async def test_elsewhere_a_command_is_code_with_its_prefix(make_house: Any) -> None:
    house: House = await make_house(open=False)
    before = house.driver.config

    def config() -> Mapping[str, Any]:
        return {**before(), "slack": {"command_prefix": "team-"}}

    house.driver.config = config  # type: ignore[method-assign]
    await house.start()
    await house.driver.mention("help")
    name = {"slack": "/team-ask", "terminal": "/ask"}[house.driver.name]
    await house.hears(f"{name} QUESTION")
