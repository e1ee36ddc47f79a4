"""A Slack of ours, and the real adapter and core in front of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from tests.fakes.core import Bench
from tests.fakes.slack import FakeSlack
from tests.fakes.slack.acting import Acting
from tests.fakes.slack.bots import ServedBot, build_bot, served
from tests.fakes.slack.running import SKILLS, Bot, running


@pytest.fixture
async def fake() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as server:
        yield server
        assert server.wrong == []


@pytest.fixture
def build(fake: FakeSlack) -> Any:
    """Builds a bot that is not started yet: `build(settings={…}, bench={…}, timing=…)`."""
    return partial(build_bot, fake)


@pytest.fixture
async def served_bot(build: Any) -> AsyncIterator[ServedBot]:
    async with served(build()) as started:
        yield started


@pytest.fixture
def people(fake: FakeSlack) -> Acting:
    """Ada and Eve, with what Slack says of them."""
    fake.workspace.people |= {
        "U0ADA": {"profile": {"display_name": "ada"}, "locale": "de-DE"},
        "U0EVE": {"profile": {"display_name": "", "real_name": "Eve"}},
    }
    return Acting(fake)


@pytest.fixture
def make(fake: FakeSlack) -> Any:
    """Makes a bot with skills that tell what they were given: `make(settings={…}, bench={…})`."""

    def build(settings: dict[str, Any] | None = None, bench: dict[str, Any] | None = None) -> Bot:
        return Bot(fake, Bench(**{"skills": SKILLS, **(bench or {})}), **(settings or {}))

    return build


@pytest.fixture
async def bot(make: Any) -> AsyncIterator[Bot]:
    async with running(make()) as started:
        yield started
