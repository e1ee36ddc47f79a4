"""What a person reads of a model's server that breaks off, or that read only a part of a prompt."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import pytest

from backends.base import Capabilities, ChatMessage, ChatRequest, Chunk
from backends.pool.pool import Pool
from backends.pool.spec import ModelSpec
from backends.registry import load_engines
from tests.fakes.contexts import bare_context
from tests.fakes.core import Bench
from tests.fakes.ollama import OllamaServer
from tests.fakes.openai import OpenAIServer
from tests.fakes.skills import CHAT
from tests.fakes.speech import Fault, SpeechServer
from tests.until import PATIENCE_S

ENGINES = load_engines(["ollama", "openai_compatible"])


@dataclass
class PooledModel:
    """A model of a pool, as the bench of a core takes it."""

    pool: Pool
    name: str = "default"

    async def capabilities(self) -> Capabilities:
        return await self.pool.capabilities(self.name)

    async def count(self, messages: Sequence[ChatMessage]) -> int:
        return await self.pool.count(self.name, messages)

    def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        return self.pool.chat(self.name, request)


@asynccontextmanager
async def talking_to(server: SpeechServer, **entry: Any) -> AsyncIterator[Bench]:
    async with server:
        url = server.url if isinstance(server, OllamaServer) else f"{server.url}/v1"
        spec = ModelSpec.model_validate({"url": url, "model": "tiny", **entry})
        pool = Pool({"default": spec}, ENGINES, bare_context())
        bench = Bench([CHAT], backend=cast(Any, PooledModel(pool)))
        try:
            yield bench
        finally:
            await bench.core.close()
            await pool.aclose()


@pytest.mark.parametrize("how", ["drop", "end", "garbage", "stall"])
@pytest.mark.parametrize("engine", ["ollama", "openai_compatible"])
async def test_what_came_stays_and_a_sentence_says_that_it_broke_off(engine: str, how: str) -> None:
    """It said "could not answer just now" under half an answer."""
    server = OllamaServer() if engine == "ollama" else OpenAIServer(llama=False)
    silence_s = 1.0 if how == "stall" else PATIENCE_S
    async with talking_to(server, backend=engine, silence_s=silence_s) as bench:
        server.faults.append(Fault(how=how, after=5))
        view = await bench.say(bench.message("hello"))
    assert view.text.startswith("On night 1")
    assert view.state == "failed"
    assert view.notices[-1].text.startswith("The answer broke off here. An admin can look it up")
    assert "127.0.0.1" not in view.notices[-1].text


async def test_a_person_is_told_that_the_model_read_only_a_part() -> None:
    server = OllamaServer()
    server.overflow = "cut"
    async with talking_to(server, backend="ollama", context=1_000) as bench:
        for _ in range(3):
            view = await bench.say(bench.message("w " * 600))
            assert not any("only a part" in notice.text for notice in view.notices)
        view = await bench.say(bench.message("w " * 1_020))
    assert view.text.startswith("On night 1")
    assert any("read only a part of it" in notice.text for notice in view.notices)
