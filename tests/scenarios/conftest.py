"""The platforms on which the stories are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios import on_lines, on_slack, on_slack_agent, on_terminal
from tests.scenarios.harness import Driver, House
from tests.scenarios.on_discord import DiscordDriver
from tests.scenarios.on_lines import LinesDriver
from tests.scenarios.on_slack import SlackDriver
from tests.scenarios.on_slack_agent import AgentDriver
from tests.scenarios.on_terminal import TerminalDriver

DRIVERS: dict[str, Callable[[], Awaitable[Driver]]] = {
    "discord": lambda: DiscordDriver().open(),
    "lines": lambda: LinesDriver().open(),
    "slack": lambda: SlackDriver().open(),
    "slack-agent": lambda: AgentDriver().open(),
    "terminal": lambda: TerminalDriver().open(),
}
"""Every platform; each makes a driver that is ready for an adapter."""

CANNOT = {
    "lines": on_lines.CANNOT,
    "slack": on_slack.CANNOT,
    "slack-agent": on_slack_agent.CANNOT,
    "terminal": on_terminal.CANNOT,
}


@pytest.fixture(params=sorted(DRIVERS))
async def driver(request: pytest.FixtureRequest) -> AsyncIterator[Driver]:
    if why := CANNOT.get(request.param, {}).get(request.node.originalname):
        pytest.skip(why)
    made = await DRIVERS[request.param]()
    yield made
    await made.close()


@pytest.fixture
async def make_house(driver: Driver, tmp_path: Path) -> AsyncIterator[Any]:
    """Makes a house, and opens it: `await make_house(tokens_per_s=50)`; `sections` are of its
    config.yaml."""
    houses: list[House] = []

    async def make(*, open: bool = True, **scripted: Any) -> House:
        house = House(tmp_path, driver, **scripted)
        houses.append(house)
        if open:
            await house.start()
        return house

    yield make
    await asyncio.gather(*(house.stop() for house in houses))


@pytest.fixture
async def house(make_house: Any) -> House:
    """An open house whose model answers at once."""
    opened: House = await make_house()
    return opened
