"""A Slack of ours, and the real adapter and core in front of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from tests.fakes.slack import FakeSlack
from tests.fakes.slack.bots import ServedBot, build_bot, served
from tests.traces import plain_traces

__all__ = ["plain_traces"]


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
