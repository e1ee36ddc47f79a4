"""A question does not wait for the documents that are being read in, only for a piece of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, cast

import numpy as np
import pytest

from backends.base import ChatMessage, ChatRequest
from backends.errors import BackendError
from backends.pool.embedding import MAX_QUESTION_TEXTS, EmbeddingPace
from backends.pool.pool import Pool
from backends.pool.spec import ModelSpec, PoolLimits
from backends.registry import load_engines
from backends.scripted.backend import ScriptedBackend
from tests.fakes.contexts import bare_context
from tests.fakes.ollama import OllamaServer
from tests.fakes.openai import OpenAIServer
from tests.fakes.speech import Fault, SpeechServer
from tests.until import until

ENGINES = load_engines(["ollama", "openai_compatible"])
DOCUMENTS = [f"document {n} " + "word " * 100 for n in range(40)]
PATHS = {"ollama": "/api/embed", "openai_compatible": "/v1/embeddings"}


@asynccontextmanager
async def embedding(engine: str, parallel: int = 1) -> AsyncIterator[tuple[Pool, SpeechServer]]:
    """A pool with one embedder, and its server, which takes its time."""
    server: SpeechServer = OllamaServer() if engine == "ollama" else OpenAIServer()
    async with server:
        server.embedding_s = 0.01
        entry: dict[str, Any] = {"backend": engine, "url": server.url, "model": "minilm"}
        if engine == "openai_compatible":
            entry |= {"url": f"{server.url}/v1", "model": "tiny", "embeddings": True}
        spec = ModelSpec.model_validate({**entry, "parallel": parallel})
        pool = Pool({"e": spec}, ENGINES, bare_context(), PoolLimits(first_pause_s=0.01))
        try:
            await pool.embed("e", ["loaded"])
            yield pool, server
        finally:
            await pool.aclose()


def inputs(server: SpeechServer, engine: str) -> list[list[str]]:
    """The texts of each request, in the order in which they reached the server."""
    return [body["input"] for body in server.bodies(PATHS[engine])]


@pytest.mark.parametrize("engine", PATHS)
async def test_a_question_waits_for_one_piece_of_a_batch_at_most(engine: str) -> None:
    async with embedding(engine) as (pool, server):
        batch = asyncio.create_task(pool.embed("e", DOCUMENTS))
        await until(lambda: len(inputs(server, engine)) >= 3)
        for n in range(3):
            before = len(inputs(server, engine))
            await pool.embed("e", [f"question {n}"])
            place = inputs(server, engine).index([f"question {n}"])
            assert place <= before + 1, "more than the piece under way went before the question"
        assert not batch.done()
        rows = await batch
        sent = [text for texts in inputs(server, engine) for text in texts]
        assert [text for text in sent if text in DOCUMENTS] == DOCUMENTS
        whole = [await pool.embed("e", DOCUMENTS[at : at + 8]) for at in range(0, 40, 8)]
        assert np.allclose(rows, np.concatenate(whole), atol=1e-6)


@pytest.mark.parametrize("engine", PATHS)
async def test_questions_that_come_together_all_go_before_the_batch(engine: str) -> None:
    async with embedding(engine) as (pool, server):
        batches = [asyncio.create_task(pool.embed("e", DOCUMENTS[:20])) for _ in range(2)]
        await until(lambda: len(inputs(server, engine)) >= 3)
        before = len(inputs(server, engine))
        questions = [[f"question {n}"] for n in range(5)]
        await asyncio.gather(*(pool.embed("e", question) for question in questions))
        after = inputs(server, engine)[before : before + 6]  # one piece may be under way
        assert [texts for texts in after if texts in questions] == questions
        await asyncio.gather(*batches)


@pytest.mark.parametrize("engine", PATHS)
async def test_where_there_are_several_slots_batches_leave_one_to_questions(engine: str) -> None:
    async with embedding(engine, parallel=2) as (pool, server):
        batches = [asyncio.create_task(pool.embed("e", DOCUMENTS[:20])) for _ in range(3)]
        for _ in range(30):
            await asyncio.sleep(0.001)
            assert server.answering <= 1
        question = asyncio.create_task(pool.embed("e", ["question"]))
        await asyncio.sleep(0)
        assert pool.status("e")[0].busy == 2, "the question waits, though a slot is kept for it"
        await question
        await asyncio.gather(*batches)


@pytest.mark.parametrize("engine", PATHS)
async def test_a_batch_that_fails_in_the_middle_fails_and_frees_its_slot(engine: str) -> None:
    async with embedding(engine) as (pool, server):
        batch = asyncio.create_task(pool.embed("e", DOCUMENTS))
        await until(lambda: len(inputs(server, engine)) >= 3)
        server.faults.append(Fault(500, {"error": "out of memory"}))
        with pytest.raises(BackendError):
            await batch
        assert (await pool.embed("e", ["after it"])).shape[0] == 1
        assert pool.status("e")[0].busy == 0


async def test_cancelling_a_batch_that_gave_way_frees_its_place() -> None:
    async with embedding("ollama") as (pool, server):
        batch = asyncio.create_task(pool.embed("e", DOCUMENTS))
        await until(lambda: len(inputs(server, "ollama")) >= 3)
        question = asyncio.create_task(pool.embed("e", ["question"]))
        await until(lambda: ["question"] in inputs(server, "ollama"))
        batch.cancel()
        await asyncio.gather(batch, return_exceptions=True)
        await question
        assert (pool.status("e")[0].busy, pool.status("e")[0].queued) == (0, 0)


def test_pieces_grow_where_they_are_quick_and_shrink_where_they_are_slow() -> None:
    pace = EmbeddingPace()
    texts = ["x" * 500] * 10_000
    first = len(pace.cut(texts, 0))
    for _ in range(20):
        pace.learn(pace.cut(texts, 0), 0.001)
    assert len(pace.cut(texts, 0)) > 8 * first
    for _ in range(40):
        pace.learn(pace.cut(texts, 0), 5.0)
    assert len(pace.cut(texts, 0)) == 1


def test_pieces_are_shorter_while_questions_come() -> None:
    texts = ["x" * 100] * 100
    assert len(EmbeddingPace().cut(texts, 0, short=True)) < len(EmbeddingPace().cut(texts, 0)) / 2


def test_a_long_text_is_a_piece_of_its_own() -> None:
    pace = EmbeddingPace()
    assert pace.cut(["y" * 10**6, "z"], 0) == ["y" * 10**6]
    assert pace.cut(["y" * 10**6, "z"], 1) == ["z"]
    assert len(DOCUMENTS) > MAX_QUESTION_TEXTS


async def test_a_request_that_nobody_waits_for_comes_after_those_of_people() -> None:
    spec = ModelSpec.model_validate(
        {"backend": "scripted", "parallel": 1, "first_token_s": 0.2, "echo": "{text}"}
    )
    pool = Pool({"m": spec}, load_engines(["scripted"]), bare_context(), PoolLimits())

    async def ask(text: str, *, background: bool = False) -> None:
        request = ChatRequest((ChatMessage("user", text),), background=background)
        async with aclosing(pool.chat("m", request)) as chunks:
            async for _ in chunks:
                pass

    try:
        await ask("loaded")
        model = cast(ScriptedBackend, pool.backend("m"))
        tasks = [asyncio.create_task(ask("first"))]
        await until(lambda: len(model.requests) >= 2)
        tasks.append(asyncio.create_task(ask("a summary", background=True)))
        await asyncio.sleep(0.01)
        tasks.append(asyncio.create_task(ask("a question")))
        await asyncio.gather(*tasks)
        asked = [request.messages[-1].content for request in model.requests]
        assert asked == ["loaded", "first", "a question", "a summary"]
    finally:
        await pool.aclose()
