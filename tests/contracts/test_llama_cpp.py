"""The in-process llama.cpp engine keeps the contract of every engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backends.base import EngineContext
from backends.files.store import ModelStore
from backends.llama_cpp import ENGINE, LlamaCppOptions
from tests.contracts.backend_contract import BackendContract
from tests.fakes.ggufs import tiny_bert


def context(tmp_path: Path) -> EngineContext:
    return EngineContext(ModelStore(tmp_path), lambda _: None)


class TestLlamaCpp(BackendContract):
    counts_exactly = True

    @pytest.fixture
    async def backend(self, chat_model_path: Path, tmp_path: Path) -> AsyncIterator[object]:
        options = LlamaCppOptions(source=f"file:{chat_model_path}", context=512, n_threads=1)
        backend = ENGINE.create("default", options, context(tmp_path))
        yield backend
        await backend.aclose()

    @pytest.fixture
    async def missing_backend(self, tmp_path: Path) -> AsyncIterator[object]:
        options = LlamaCppOptions(source=f"file:{tmp_path / 'gone.gguf'}")
        backend = ENGINE.create("gone", options, context(tmp_path))
        yield backend
        await backend.aclose()


class TestLlamaCppEmbedder(BackendContract):
    chats = False
    embeds = True

    @pytest.fixture
    async def backend(self, tmp_path: Path) -> AsyncIterator[object]:
        model = tiny_bert(tmp_path / "tiny-bert.gguf")
        options = LlamaCppOptions(source=f"file:{model}", n_threads=1)
        backend = ENGINE.create("embedder", options, context(tmp_path))
        yield backend
        await backend.aclose()

    @pytest.fixture
    async def missing_backend(self, tmp_path: Path) -> AsyncIterator[object]:
        options = LlamaCppOptions(source=f"file:{tmp_path / 'gone.gguf'}", embeddings=True)
        backend = ENGINE.create("gone", options, context(tmp_path))
        yield backend
        await backend.aclose()
