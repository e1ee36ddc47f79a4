from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backends.files.store import ModelStore
from tests.fakes.file_server import FileServer, ServedFile
from tests.fakes.model_files import CONTENT


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models", retry_pause_s=0.001)


@pytest.fixture
async def server() -> AsyncIterator[FileServer]:
    async with FileServer() as running:
        running.files["/model.bin"] = ServedFile(CONTENT)
        yield running
