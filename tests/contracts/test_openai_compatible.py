"""The OpenAI-compatible engine keeps the contract: with servers of ours, and with a real one."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import pytest_asyncio

from backends.base import Backend, ChatRequest
from backends.openai_compatible.backend import OpenAICompatibleBackend
from backends.openai_compatible.options import OpenAICompatibleOptions
from tests.contracts.backend_contract import BackendContract, prompt
from tests.fakes.contexts import bare_context
from tests.fakes.openai import OpenAIServer


def make(**options: Any) -> Backend:
    settings = OpenAICompatibleOptions(**options)
    return OpenAICompatibleBackend("team", settings, bare_context())


class ServerContract(BackendContract):
    llama: ClassVar[bool]
    abilities: ClassVar[dict[str, Any]] = {}

    @pytest.fixture
    async def server(self) -> AsyncIterator[OpenAIServer]:
        async with OpenAIServer(llama=self.llama) as server:
            yield server

    @pytest.fixture
    async def backend(self, server: OpenAIServer) -> AsyncIterator[Backend]:
        backend = make(url=server.base, model="tiny", **self.abilities)
        yield backend
        await backend.aclose()

    @pytest.fixture
    async def missing_backend(self, server: OpenAIServer) -> AsyncIterator[Backend]:
        server.models = ["tiny", "other"]
        backend = make(url=server.base, model="nothing", **self.abilities)
        yield backend
        await backend.aclose()

    @pytest.fixture
    async def down_backend(self) -> AsyncIterator[Backend]:
        async with OpenAIServer() as gone:
            url = gone.base
        backend = make(url=url, model="tiny", **self.abilities)
        yield backend
        await backend.aclose()


class TestLlamaServer(ServerContract):
    llama = True
    counts_exactly = True


class TestPlainServer(ServerContract):
    llama = False


class TestEmbeddingServer(ServerContract):
    llama = True
    chats = False
    embeds = True
    abilities: ClassVar[dict[str, Any]] = {"chat": False, "embeddings": True}


@pytest_asyncio.fixture(scope="class", loop_scope="class")
async def started_server(chat_model_path: Path) -> AsyncIterator[Backend]:
    command = (sys.executable, "-m", "llama_cpp.server", "--model", str(chat_model_path))
    options = ("--n_ctx", "512", "--model_alias", "tiny", "--interrupt_requests", "false")
    backend = make(command=(*command, *options), model="tiny", context=512, parallel=1)
    yield backend
    await backend.aclose()


@pytest.mark.asyncio(loop_scope="class")
class TestLlamaCppPython(BackendContract):
    """A real server that is not ours, started and stopped by the engine itself."""

    callers = 2

    @pytest.fixture
    def backend(self, started_server: Backend) -> Backend:
        return started_server

    @pytest_asyncio.fixture(loop_scope="class")
    async def missing_backend(self) -> AsyncIterator[Backend]:
        async with OpenAIServer(llama=False) as server:
            backend = make(url=server.base, model="nothing")
            yield backend
            await backend.aclose()

    def endless_request(self) -> ChatRequest:
        return prompt("Write a very long story about the sea.", max_tokens=100)

    def unicode_request(self) -> tuple[ChatRequest, str]:
        """This server loses characters that are made of several tokens."""
        return prompt("Say it.", json_schema={"const": "naïve"}), "naïve"
