"""Engines on the real default model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from backends.base import EngineContext
from backends.files.store import ModelStore
from backends.llama_cpp import ENGINE, LlamaCppBackend, LlamaCppOptions
from backends.llama_cpp.native import Model
from tests.unit.backends.llama_cpp.asking import Make


@pytest.fixture
async def make(chat_model_path: Path, tmp_path: Path) -> AsyncIterator[Make]:
    """Makes engines with options, and closes them at the end."""
    async with AsyncExitStack() as stack:

        def make_one(**options: Any) -> LlamaCppBackend:
            settings = LlamaCppOptions.model_validate(
                {"source": f"file:{chat_model_path}", "context": 512, "n_threads": 1, **options}
            )
            context = EngineContext(ModelStore(tmp_path), lambda _: None)
            backend = ENGINE.create("test", settings, context)
            assert isinstance(backend, LlamaCppBackend)
            stack.push_async_callback(backend.aclose)
            return backend

        yield make_one


@pytest.fixture(scope="session")
def model(chat_model_path: Path) -> Iterator[Model]:
    """The default model's vocabulary and weights, for tests below the engine."""
    model = Model(chat_model_path, LlamaCppOptions(source=f"file:{chat_model_path}"))
    yield model
    model.close()
