from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backends.scripted.backend import ScriptedBackend
from bot.commands.declaration import Command
from plugins import ask_docs, help, rap_battle
from tests.fakes.pages import PageServer
from tests.unit.plugins.stage import Stage, stage

COMMANDS: tuple[Command, ...] = (ask_docs.ask, help.help_, help.stop, rap_battle.rap)


@pytest.fixture
def model() -> ScriptedBackend:
    """The model that answers; a test may replace its script by a fixture of the same name."""
    return ScriptedBackend("default", family="plain")


@pytest.fixture
async def pages() -> AsyncIterator[PageServer]:
    """A web server on 127.0.0.1 that a test fills with pages."""
    async with PageServer() as server:
        yield server


@pytest.fixture
async def on(tmp_path: Path, model: ScriptedBackend, pages: PageServer) -> AsyncIterator[Stage]:
    """A stage with one model that answers and a smaller one beside it."""
    small = ScriptedBackend("small", context=2048, family="smollm2")
    hosts = (f"127.0.0.1:{pages.port}",)
    async with stage(tmp_path, model, small, allow_hosts=hosts, commands=COMMANDS) as made:
        yield made
