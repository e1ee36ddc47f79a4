"""Fixtures that bring the real default models: fetched once into the shared store, then reused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.files.catalog import CHAT_FILE, EMBEDDER_FILE, TOKENIZER_FILE, CatalogFile
from backends.files.store import ModelStore, default_root
from backends.onnx.embedder import OnnxEmbedder, OnnxOptions


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """The store that `make run` fills too; `PARLANCE_MODELS_DIR` overrides it."""
    return default_root()


@pytest.fixture(scope="session")
def model_store(models_dir: Path) -> ModelStore:
    """The store; what is in it has been fetched, what else is wanted is asked for by fixtures."""
    return ModelStore(models_dir)


def _fetched(store: ModelStore, file: CatalogFile) -> Path:
    return store.fetch(file.source, file.sha256)


@pytest.fixture(scope="session")
def chat_model_path(model_store: ModelStore) -> Path:
    """The default chat model, a GGUF of 98 MB."""
    return _fetched(model_store, CHAT_FILE)


@pytest.fixture(scope="session")
def embedder_files(model_store: ModelStore) -> ModelStore:
    """The store, with the default embedder and its tokenizer in it."""
    for file in (EMBEDDER_FILE, TOKENIZER_FILE):
        _fetched(model_store, file)
    return model_store


@pytest.fixture(scope="session")
def embedder_model(embedder_files: ModelStore) -> Iterator[OnnxEmbedder]:
    """The default embedder, loaded once for all tests: do not close it."""
    embedder = OnnxEmbedder("embedder", OnnxOptions(), embedder_files)
    yield embedder
    asyncio.run(embedder.aclose())
