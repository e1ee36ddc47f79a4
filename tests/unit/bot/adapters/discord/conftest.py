"""A Discord of ours, and the real adapter and core in front of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.discord import DiscordAdapter, Timing
from bot.config.platforms import DiscordSettings
from tests.fakes.core import Bench
from tests.fakes.discord import TOKEN, FakeDiscord
from tests.fakes.discord.running import QUICK, SKILLS, Bot, Pair, running


@pytest.fixture
async def fake() -> AsyncIterator[FakeDiscord]:
    async with FakeDiscord() as server:
        with server.address():
            yield server
        assert server.wrong == []


@pytest.fixture
def make(fake: FakeDiscord, tmp_path: Path) -> Any:
    """Makes a bot that is not started yet: `make(settings={…}, bench={…}, timing=…)`."""

    def build(
        settings: dict[str, Any] | None = None,
        bench: dict[str, Any] | None = None,
        timing: Timing = QUICK,
        token: str = TOKEN,
        **more: Any,
    ) -> Bot:
        said = DiscordSettings(**(settings or {}))
        adapter = DiscordAdapter(said, token, tmp_path, timing, **more)
        return Bot(fake, adapter, Bench(**{"skills": SKILLS, **(bench or {})}))

    return build


@pytest.fixture
def make_pair(fake: FakeDiscord, make: Any) -> Any:
    """Makes a front and a worker that are not started yet; takes what `make` takes."""

    def build(bench: dict[str, Any] | None = None, **more: Any) -> Pair:
        worker = make(bench=bench, listening=False, **more)
        shared = ("store", "backend", "replies")
        both = {**(bench or {}), **{name: getattr(worker.bench, name) for name in shared}}
        return Pair(fake, make(bench=both, **more), worker)

    return build


@pytest.fixture
async def bot(make: Any) -> AsyncIterator[Bot]:
    async with running(make()) as started:
        yield started
