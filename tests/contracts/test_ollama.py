"""The Ollama engine keeps the contract, against a protocol server of ours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from backends.base import Backend
from backends.ollama.backend import OllamaBackend
from backends.ollama.options import OllamaOptions
from tests.contracts.backend_contract import BackendContract
from tests.contracts.server_contract import KEY, OddServerContract
from tests.fakes.contexts import bare_context
from tests.fakes.odd_ollama import ODD
from tests.fakes.ollama import OllamaServer


@pytest.fixture
async def server() -> AsyncIterator[OllamaServer]:
    async with OllamaServer() as server:
        yield server


class OllamaContract(BackendContract):
    model = "tiny"

    @pytest.fixture
    async def backend(self, server: OllamaServer) -> AsyncIterator[Backend]:
        backend = self.make(server.url, self.model)
        yield backend
        await backend.aclose()

    @pytest.fixture
    async def missing_backend(self, server: OllamaServer) -> AsyncIterator[Backend]:
        backend = self.make(server.url, "nothing")
        yield backend
        await backend.aclose()

    @pytest.fixture
    async def down_backend(self) -> AsyncIterator[Backend]:
        async with OllamaServer() as gone:
            url = gone.url
        backend = self.make(url, self.model)
        yield backend
        await backend.aclose()

    @staticmethod
    def make(url: str, model: str) -> Backend:
        options = OllamaOptions(url=url, model=model, context=512)
        return OllamaBackend("team", options, bare_context())


class TestOllamaChat(OllamaContract):
    pass


class TestOllamaEmbeddings(OllamaContract):
    model = "minilm"
    chats = False
    embeds = True


class TestOddOllama(OddServerContract):
    odd = ODD

    def make(self, server: OllamaServer, **options: Any) -> Backend:
        settings = OllamaOptions(url=server.url, model="tiny", api_key_env="KEY", **options)
        return OllamaBackend("team", settings, bare_context({"KEY": KEY}))
