from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backends.files.store import ModelStore
from backends.onnx.embedder import OnnxEmbedder, OnnxOptions
from tests.contracts.backend_contract import BackendContract


class TestOnnx(BackendContract):
    chats = False
    embeds = True

    @pytest.fixture
    def backend(self, embedder_model: OnnxEmbedder) -> OnnxEmbedder:
        return embedder_model

    @pytest.fixture
    async def missing_backend(self, tmp_path: Path) -> AsyncIterator[OnnxEmbedder]:
        backend = OnnxEmbedder("missing", OnnxOptions(), ModelStore(tmp_path))
        yield backend
        await backend.aclose()
