"""A home without settings, and a hub, for the stories of setting up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.file_server import FileServer
from tests.scenarios.setup.setup_house import House, open_house
from tests.unit.backends.llama_cpp.tiny import write_sliding_window_model


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as opened:
        yield opened


@pytest.fixture
async def hub() -> AsyncIterator[FileServer]:
    async with FileServer() as server:
        yield server


@pytest.fixture(scope="session")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A model that llama.cpp runs, of random weights."""
    path = tmp_path_factory.mktemp("tiny") / "tiny.gguf"
    write_sliding_window_model(path)
    return path.read_bytes()
