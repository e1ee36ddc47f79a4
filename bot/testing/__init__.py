"""For tests of skills: a running core with scripted models, and no network.

    pytest_plugins = ["bot.testing"]

    async def test_dice(parlance):
        answer = await parlance.say("/dice 2d6")
        assert "2d6" in answer.text

A model that calls tools is written down with `calls`; cards are pressed, and steps read:

    @pytest.mark.parlance(plugins=["plugins.agent", "my_tools"],
                          replies=[calls("switch_lamp", tower="north", on=True), "It burns."])
    async def test_lamp(parlance):
        asked = await parlance.say("/agent light it")
        ended = await parlance.press(asked, "approve")
        assert [step.state for step in await parlance.steps(ended)] == ["done"]

The fixture has the shipped plugins and the installed ones; the marker changes that:
`@pytest.mark.parlance(plugins=["my_module"], replies=["What the model says."])`. Needs pytest and
pytest-asyncio. Everything else is real: parsing, checks, turns, history in SQLite, delivery.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.testing.core import Answer, Parlance, running_skills
from bot.testing.script import calls, together

__all__ = ["Answer", "Parlance", "calls", "parlance", "running_skills", "together"]


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers", "parlance(**options): options of `bot.testing.running_skills` for the fixture"
    )


@pytest_asyncio.fixture
async def parlance(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Parlance]:
    """A running core that a test talks to."""
    mark = request.node.get_closest_marker("parlance")
    options = dict(mark.kwargs) if mark else {}
    async with running_skills(folder=tmp_path, **options) as running:
        yield running
