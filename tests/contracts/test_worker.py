"""An engine in a child process keeps the contract as if it were here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from backends.base import Backend, EngineContext
from backends.files.store import ModelStore
from backends.llama_cpp import ENGINE as LLAMA_CPP
from backends.llama_cpp import LlamaCppOptions
from backends.scripted.backend import ENGINE as SCRIPTED
from backends.scripted.script import Reply, ScriptedOptions
from backends.worker.backend import create_worker
from tests.contracts.backend_contract import UNICODE, BackendContract
from tests.fakes.contexts import bare_context
from tests.fakes.speech import STORY


@pytest_asyncio.fixture(scope="class", loop_scope="class")
async def scripted_worker() -> AsyncIterator[Backend]:
    replies = (Reply(STORY, match="story"), Reply(UNICODE, match="Say it"))
    options = ScriptedOptions(replies=replies, context=512, tokens_per_s=5_000, dimension=16)
    worker = create_worker(SCRIPTED, "m", options, bare_context())
    yield worker
    await worker.aclose()


@pytest.mark.asyncio(loop_scope="class")
class TestScriptedWorker(BackendContract):
    embeds = True
    counts_exactly = True

    @pytest.fixture
    def backend(self, scripted_worker: Backend) -> Backend:
        return scripted_worker

    @pytest_asyncio.fixture(loop_scope="class")
    async def missing_backend(self, tmp_path: Path) -> AsyncIterator[Backend]:
        context = EngineContext(ModelStore(tmp_path), lambda _: None)
        options = LlamaCppOptions(source=f"file:{tmp_path / 'gone.gguf'}")
        worker = create_worker(LLAMA_CPP, "gone", options, context)
        yield worker
        await worker.aclose()
