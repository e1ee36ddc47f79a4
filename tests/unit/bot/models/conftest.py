from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backends.files.store import ModelStore
from tests.fakes.file_server import FileServer
from tests.unit.backends.llama_cpp.tiny import write_sliding_window_model


@pytest.fixture(scope="session")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that chats, of random weights: some hundred kilobytes."""
    path = tmp_path_factory.mktemp("tiny") / "tiny-Q8_0.gguf"
    write_sliding_window_model(path)
    return path


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models", retry_pause_s=0.001)


@pytest.fixture
async def hub(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FileServer]:
    """A hub without repositories; `serve_repository` adds one."""
    async with FileServer() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield server
