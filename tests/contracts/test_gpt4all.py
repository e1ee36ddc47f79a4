"""GPT4All keeps the contract, with real GGUFs in its child process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from backends.base import Backend, ChatRequest, EngineContext
from backends.files.store import ModelStore
from backends.gpt4all.backend import ENGINE, is_supported
from backends.gpt4all.options import GPT4AllOptions
from tests.contracts.backend_contract import BackendContract, prompt
from tests.fakes.ggufs import refact_copy, tiny_bert

pytestmark = pytest.mark.skipif(not is_supported(), reason="gpt4all has no wheel for this platform")


def make(path: Path, **options: Any) -> Backend:
    context = EngineContext(ModelStore(path.parent), lambda _: None)
    settings = GPT4AllOptions(source=f"file:{path}", n_threads=1, **options)
    return ENGINE.create("four", settings, context)


@pytest_asyncio.fixture(scope="class", loop_scope="class")
async def chatting(chat_model_path: Path, models_dir: Path) -> AsyncIterator[Backend]:
    copy = refact_copy(chat_model_path, models_dir / "derived")
    backend = make(copy, context=512)
    yield backend
    await backend.aclose()


@pytest_asyncio.fixture(scope="class", loop_scope="class")
async def embedding(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Backend]:
    model = tiny_bert(tmp_path_factory.mktemp("bert") / "tiny-bert.gguf")
    backend = make(model)
    yield backend
    await backend.aclose()


class GPT4AllContract(BackendContract):
    honours_json_schema = False

    @pytest_asyncio.fixture(loop_scope="class")
    async def missing_backend(self, tmp_path: Path) -> AsyncIterator[Backend]:
        backend = make(tmp_path / "gone.gguf", embeddings=self.embeds)
        yield backend
        await backend.aclose()


@pytest.mark.asyncio(loop_scope="class")
class TestGPT4AllChat(GPT4AllContract):
    @pytest.fixture
    def backend(self, chatting: Backend) -> Backend:
        return chatting

    def unicode_request(self) -> tuple[ChatRequest, str]:
        """Without a schema to force it, the model is led to say something of several bytes."""
        said = "Continue this list of emoji, nothing else: 🐶 🐱 🐭 🐹 🐰 🦊 🐻"
        return prompt(said, max_tokens=40), ""


@pytest.mark.asyncio(loop_scope="class")
class TestGPT4AllEmbeddings(GPT4AllContract):
    chats = False
    embeds = True

    @pytest.fixture
    def backend(self, embedding: Backend) -> Backend:
        return embedding
