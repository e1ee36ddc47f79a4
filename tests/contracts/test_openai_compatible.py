"""The OpenAI-compatible engine keeps the contract: with servers of ours, and with a real one."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import pytest_asyncio

from backends.base import Backend, ChatRequest, Sampling
from backends.openai_compatible.backend import OpenAICompatibleBackend
from backends.openai_compatible.options import OpenAICompatibleOptions
from tests.contracts.backend_contract import BackendContract, prompt
from tests.contracts.server_contract import (
    KEY,
    OddServerContract,
    chat_request,
    drain,
    drain_failing,
    text_of,
)
from tests.fakes.contexts import bare_context
from tests.fakes.odd_openai import MODEL_LISTS, ODD
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


class TestOddServer(OddServerContract):
    odd = ODD

    @pytest.fixture
    async def server(self) -> AsyncIterator[OpenAIServer]:
        async with OpenAIServer(llama=False) as server:
            yield server

    def make(self, server: OpenAIServer, **options: Any) -> Backend:
        settings = OpenAICompatibleOptions(
            **{"url": server.base, "model": "tiny", "api_key_env": "KEY", **options}
        )
        return OpenAICompatibleBackend("team", settings, bare_context({"KEY": KEY}))

    @pytest.mark.parametrize("listing", MODEL_LISTS)
    async def test_a_model_that_a_list_does_not_rule_out_is_asked(
        self, server: OpenAIServer, odd_backend: Backend, listing: str
    ) -> None:
        server.listing = MODEL_LISTS[listing]
        assert text_of(await drain(odd_backend))
        assert (await odd_backend.health()).ok
        assert (await odd_backend.capabilities()).chat

    async def test_a_list_that_is_an_endless_redirect_is_not_followed_for_ever(
        self, server: OpenAIServer, odd_backend: Backend
    ) -> None:
        server.listing = (307, None)
        server.listing_headers = {"Location": "/v1/models"}
        assert "redirects without an end" in str((await drain_failing(odd_backend))[1])

    @pytest.mark.parametrize("status", [400, 422, 500])
    @pytest.mark.parametrize(
        "refused",
        [{"stream_options"}, {"top_k", "min_p", "seed", "stream_options"}, {"temperature"}],
        ids=lambda keys: "+".join(sorted(keys)),
    )
    async def test_what_only_tunes_is_left_out_where_it_is_refused_and_then_for_good(
        self, server: OpenAIServer, odd_backend: Backend, refused: set[str], status: int
    ) -> None:
        server.refused, server.refusal_status = refused, status
        sampling = Sampling(max_tokens=4, temperature=0.5, top_k=7, min_p=0.1, seed=1)
        asked = replace(chat_request(), sampling=sampling)
        assert text_of(await drain(odd_backend, asked))
        tries = len(server.bodies("/v1/chat/completions"))
        assert tries == 1 + len(refused)
        assert text_of(await drain(odd_backend, asked))
        assert len(server.bodies("/v1/chat/completions")) == tries + 1
        last = server.bodies("/v1/chat/completions")[-1]
        assert not refused & set(last)
        assert last["max_tokens"] == 4

    async def test_a_key_that_the_operator_wrote_is_not_left_out(
        self, server: OpenAIServer
    ) -> None:
        server.refused = {"top_k"}
        backend = self.make(server, extra={"top_k": 3})
        _, error = await drain_failing(backend)
        await backend.aclose()
        assert "top_k" in str(error)

    async def test_a_server_that_wants_the_other_name_of_the_limit_gets_it(
        self, server: OpenAIServer, odd_backend: Backend
    ) -> None:
        server.refused = {"max_tokens"}
        server.refusal_words = "Unsupported parameter. Use 'max_completion_tokens' instead."
        assert text_of(await drain(odd_backend))
        assert server.bodies("/v1/chat/completions")[-1]["max_completion_tokens"] == 8

    async def test_the_tokens_are_counted_by_vllm_where_it_is_one(
        self, server: OpenAIServer, odd_backend: Backend
    ) -> None:
        server.counts_chats = True
        messages = chat_request().messages
        assert await odd_backend.count(messages) == 2
        assert await odd_backend.count(messages * 2) == 4


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
