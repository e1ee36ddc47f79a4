from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from backends.base import ChatMessage, ChatRequest, EngineContext
from backends.errors import BackendBusy, BackendUnavailable, InvalidRequest, ModelNotFound
from backends.files.catalog import TOKENIZER_FILE
from backends.files.store import ModelStore
from backends.onnx.reranker import ENGINE, OnnxReranker, RerankerOptions
from tests.fakes.onnx_models import cross_encoder

QUESTION = "How are server logs rotated?"
TEXTS = ("Bread needs flour.", "Server logs are rotated at night.", "The server hums.")


def options(model: Path, **fields: object) -> RerankerOptions:
    return RerankerOptions.model_validate(
        {
            "source": f"file:{model}",
            "tokenizer_source": TOKENIZER_FILE.source,
            "tokenizer_sha256": TOKENIZER_FILE.sha256,
            **fields,
        }
    )


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(cross_encoder())
    return path


@pytest.fixture
async def reranker(model: Path, embedder_files: ModelStore) -> AsyncIterator[OnnxReranker]:
    made = OnnxReranker("ranker", options(model, queue=2), embedder_files)
    yield made
    await made.aclose()


async def test_a_text_that_answers_gets_more(reranker: OnnxReranker) -> None:
    scores = await reranker.rerank(QUESTION, TEXTS)
    assert scores.shape == (3,)
    assert list(np.argsort(-scores)) == [1, 2, 0]


async def test_neither_order_nor_company_changes_a_score(reranker: OnnxReranker) -> None:
    together = await reranker.rerank(QUESTION, TEXTS * 40)
    alone = [float((await reranker.rerank(QUESTION, [text]))[0]) for text in TEXTS]
    assert list(together) == alone * 40


async def test_nothing_gives_no_scores(reranker: OnnxReranker) -> None:
    assert (await reranker.rerank(QUESTION, [])).shape == (0,)


async def test_the_end_of_a_long_text_is_cut_off_and_never_the_question(
    reranker: OnnxReranker,
) -> None:
    long = "bread " * 20_000
    cut, seen = await reranker.rerank(QUESTION, [long + TEXTS[1], TEXTS[1] + long])
    assert cut == 0 < seen
    (asked,) = await reranker.rerank(QUESTION + " please" * 20_000, [TEXTS[1]])
    assert asked == seen


async def test_a_model_without_segments_is_taken(
    tmp_path: Path, embedder_files: ModelStore
) -> None:
    path = tmp_path / "plain.onnx"
    path.write_bytes(cross_encoder(segments=False))
    ranker = OnnxReranker("plain", options(path), embedder_files)
    short, long = await ranker.rerank("a", ["b", "b c d e"])
    assert short < long
    await ranker.aclose()


async def test_the_loop_goes_on_while_it_ranks(reranker: OnnxReranker) -> None:
    task = asyncio.create_task(reranker.rerank(QUESTION, ["many words in one text " * 80] * 48))
    turns = 0
    while not task.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 20
    assert (await task).shape == (48,)


async def test_a_short_call_is_not_held_up_by_a_long_one(reranker: OnnxReranker) -> None:
    long = asyncio.create_task(reranker.rerank(QUESTION, ["many words in one text " * 80] * 96))
    await asyncio.sleep(0)
    await reranker.rerank("a question", ["a text"])
    assert not long.done()
    long.cancel()
    with pytest.raises(asyncio.CancelledError):
        await long


async def test_the_queue_is_bounded(reranker: OnnxReranker) -> None:
    calls = (reranker.rerank("x", ["y"]) for _ in range(3))
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(result, BackendBusy) for result in results) == 1


async def test_it_ranks_and_does_nothing_else(reranker: OnnxReranker) -> None:
    able = await reranker.capabilities()
    assert (able.chat, able.embed, able.context) == (False, False, 512)
    with pytest.raises(InvalidRequest, match="cannot answer"):
        await anext(reranker.chat(ChatRequest((ChatMessage("user", "hello"),))))
    with pytest.raises(InvalidRequest, match="cannot embed"):
        await reranker.embed(["x"])
    assert await reranker.count([ChatMessage("user", "hello")]) == 3


async def test_health_says_whether_the_files_are_here(
    reranker: OnnxReranker, tmp_path: Path
) -> None:
    assert (await reranker.health()).ok
    missing = OnnxReranker("missing", options(tmp_path / "none.onnx"), ModelStore(tmp_path))
    health = await missing.health()
    assert not health.ok
    assert "none.onnx" in health.detail
    with pytest.raises(ModelNotFound):
        await missing.rerank("x", ["y"])
    await missing.aclose()


async def test_a_closed_reranker_says_so(model: Path, embedder_files: ModelStore) -> None:
    ranker = ENGINE.create(
        "closed", options(model), EngineContext(files=embedder_files, secret=lambda name: None)
    )
    assert isinstance(ranker, OnnxReranker)
    await ranker.aclose()
    await ranker.aclose()
    assert not (await ranker.health()).ok
    with pytest.raises(BackendUnavailable):
        await ranker.rerank("x", ["y"])


async def test_what_is_no_reranker_gets_one_sentence(
    model: Path, tmp_path: Path, embedder_files: ModelStore
) -> None:
    damaged, two, words = tmp_path / "bad.onnx", tmp_path / "two.onnx", tmp_path / "words.json"
    damaged.write_bytes(b"no model")
    two.write_bytes(cross_encoder(outputs=2))
    words.write_text(json.dumps({"no": "tokenizer"}))
    for made, why in (
        (options(damaged), "cannot be loaded"),
        (options(two), "it gives 2 numbers for a pair, not one"),
        (options(model, tokenizer_source=f"file:{words}", tokenizer_sha256=None), "cannot be read"),
    ):
        ranker = OnnxReranker("bad", made, embedder_files)
        with pytest.raises(ModelNotFound, match=why) as caught:
            await ranker.capabilities()
        assert "\n" not in str(caught.value)
        await ranker.aclose()
