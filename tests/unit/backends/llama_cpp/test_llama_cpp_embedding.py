"""Embedding in this process: vectors, batches, the window, and what such a model does not do."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import numpy as np
import pytest

from backends.base import ChatMessage, ChatRequest, EngineContext
from backends.errors import InvalidRequest
from backends.files.store import ModelStore
from backends.llama_cpp import ENGINE
from backends.llama_cpp.batch_plan import MAX_BATCH_TEXTS, plan_batches
from backends.pool.pool import Pool
from backends.pool.spec import ModelSpec
from bot.knowledge.retrieval.embedder import create_embedder
from tests.fakes.ggufs import tiny_bert
from tests.unit.backends.llama_cpp.asking import Make

NEARLY = 1e-3
"""Attention is computed with halved precision, and a batch rounds otherwise than a single text."""
TEXTS = ["a b c", "the sea", "", "z", "a lighthouse at night " * 9, "1 2 3"]


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("bert") / "tiny-bert.gguf")


async def test_the_file_says_that_it_embeds_and_how(make: Make, bert: Path) -> None:
    able = await make(source=f"file:{bert}").capabilities()
    assert (able.chat, able.embed, able.dimension, able.context) == (False, True, 32, 64)
    assert "first 64 tokens" in able.notes[0]


async def test_a_batch_gives_what_each_text_gives_alone(make: Make, bert: Path) -> None:
    backend = make(source=f"file:{bert}")
    together = await backend.embed(TEXTS)
    assert together.shape == (len(TEXTS), 32)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)
    for text, row in zip(TEXTS, together, strict=True):
        np.testing.assert_allclose((await backend.embed([text]))[0], row, atol=NEARLY)
    np.testing.assert_array_equal(await backend.embed(TEXTS), together)
    assert np.abs(together[0] - together[1]).max() > 0.01


async def test_more_texts_than_one_batch_holds_come_back_in_their_order(
    make: Make, bert: Path
) -> None:
    backend = make(source=f"file:{bert}", n_batch=64)
    texts = [f"{'abcdefgh'[n % 8]} b" * (1 + n % 5) for n in range(3 * MAX_BATCH_TEXTS)]
    rows = await backend.embed(texts)
    for at in (0, 7, MAX_BATCH_TEXTS, len(texts) - 1):
        np.testing.assert_allclose((await backend.embed([texts[at]]))[0], rows[at], atol=NEARLY)


async def test_callers_beside_each_other_each_get_their_own(make: Make, bert: Path) -> None:
    backend = make(source=f"file:{bert}")
    alone = [await backend.embed([text]) for text in TEXTS]
    beside = await asyncio.gather(*(backend.embed([text]) for text in TEXTS))
    for one, other in zip(alone, beside, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert backend.stats().requests == 2 * len(TEXTS)


async def test_a_text_beyond_the_window_is_cut_there_and_the_log_says_so(
    make: Make, bert: Path, caplog: pytest.LogCaptureFixture
) -> None:
    backend = make(source=f"file:{bert}")
    with caplog.at_level("INFO", logger="parlance.llama_cpp"):
        rows = await backend.embed(["a " * 62, "a " * 300])
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-4)
    assert "llama_cpp.texts_cut cut=1 texts=2 tokens=64" in caplog.text


async def test_what_looks_like_a_control_token_is_text(make: Make, bert: Path) -> None:
    rows = await make(source=f"file:{bert}").embed(["a [SEP] b", "a b"])
    assert np.abs(rows[0] - rows[1]).max() > 0.01


async def test_it_answers_nothing_and_says_so(make: Make, bert: Path) -> None:
    backend = make(source=f"file:{bert}")
    with pytest.raises(InvalidRequest, match="embeds texts; it cannot answer"):
        async for _ in backend.chat(ChatRequest((ChatMessage("user", "hello"),))):
            pass


async def test_a_chat_model_can_be_told_to_embed(make: Make) -> None:
    backend = make(embeddings=True, context=64)
    able = await backend.capabilities()
    assert (able.chat, able.embed) == (False, True)
    rows = await backend.embed(["the sea", "the sea", "a lamp"])
    assert rows.shape == (3, able.dimension)
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-4)
    np.testing.assert_allclose((await backend.embed(["a lamp"]))[0], rows[2], atol=1e-3)


async def test_its_tokens_are_counted_in_any_thread_without_the_weights(
    make: Make, bert: Path
) -> None:
    backend = make(source=f"file:{bert}")
    counts: list[int] = []
    threads = [
        threading.Thread(target=lambda: counts.append(backend.tokens("a b c"))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    assert counts == [3] * 4
    assert not backend.stats().resident


async def test_documents_can_be_embedded_by_it_through_the_pool(bert: Path, tmp_path: Path) -> None:
    entry = {"backend": "llama_cpp", "source": f"file:{bert}", "keep_alive": "5m", "n_threads": 1}
    context = EngineContext(ModelStore(tmp_path), lambda _: None)
    pool = Pool({"v": ModelSpec.model_validate(entry)}, {"llama_cpp": ENGINE}, context)
    try:
        assert (await pool.probe("v")).embed
        embedder = await create_embedder(
            pool.backend("v"), lambda texts: pool.embed("v", texts), english=True
        )
        assert (embedder.dimension, embedder.window) == (32, 64)
        assert embedder.id.startswith("tiny-bert.gguf@")
        assert (await embedder.embed(["a b"])).shape == (1, 32)
        (status,) = pool.status("v")
        assert status.answered == 2
    finally:
        await pool.aclose()


@pytest.mark.parametrize("tokens", [1, 7, 64, 1000])
def test_batches_hold_every_text_once_and_never_more_than_they_can(tokens: int) -> None:
    encoded = [[0] * (1 + n % min(tokens, 9)) for n in range(200)]
    made = plan_batches(encoded, tokens)
    assert sorted(at for batch in made for at in batch) == list(range(200))
    assert all(sum(len(encoded[at]) for at in batch) <= tokens for batch in made)
    assert all(len(batch) <= MAX_BATCH_TEXTS for batch in made)
