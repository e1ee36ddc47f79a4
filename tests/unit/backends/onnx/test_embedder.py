from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from backends.base import ChatMessage, ChatRequest, EngineContext
from backends.errors import BackendBusy, BackendUnavailable, InvalidRequest, ModelNotFound
from backends.files.catalog import EMBEDDER_FILE, TOKENIZER_FILE
from backends.files.store import ModelStore
from backends.onnx.embedder import ENGINE, OnnxEmbedder, OnnxOptions
from backends.onnx.files import plan_batches
from tests.fakes.onnx_models import encoder

RELATED = ["How do I rotate the logs?", "Log rotation is set up with logrotate.", "Bake the bread."]


@pytest.fixture
async def fresh(embedder_files: ModelStore) -> AsyncIterator[OnnxEmbedder]:
    embedder = OnnxEmbedder("fresh", OnnxOptions(queue=2), embedder_files)
    yield embedder
    await embedder.aclose()


async def test_what_is_related_comes_near(embedder_model: OnnxEmbedder) -> None:
    rows = await embedder_model.embed(RELATED)
    assert rows.shape == (3, 384)
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)
    assert rows[0] @ rows[1] > 0.5 > 0.2 > rows[0] @ rows[2]


async def test_neither_order_nor_company_changes_a_vector(embedder_model: OnnxEmbedder) -> None:
    texts = ["short", "a text of a few more words " * 20, "", "middling " * 10, "naïve 🦙 日本語"]
    together = await embedder_model.embed(texts)
    alone = np.concatenate([await embedder_model.embed([text]) for text in texts])
    assert (together * alone).sum(axis=1).min() > 0.98  # int8 scales depend on the batch a little
    again = await embedder_model.embed(texts[::-1])
    assert (together * again[::-1]).sum(axis=1).min() > 0.98


async def test_the_end_of_a_long_text_is_cut_off(embedder_model: OnnxEmbedder) -> None:
    long = "rotate logs " * 300
    one, other = await embedder_model.embed([long, long + "bake bread " * 50_000])
    assert one @ other > 0.999


async def test_nothing_gives_no_rows(embedder_model: OnnxEmbedder) -> None:
    assert (await embedder_model.embed([])).shape == (0, 384)


async def test_tokens_are_counted_whole(embedder_model: OnnxEmbedder) -> None:
    assert embedder_model.tokens("hello world") == 2
    assert embedder_model.tokens("hello " * 1_000) == 1_000  # beyond what is embedded
    assert embedder_model.count_tokens(["", "hello"]) == [0, 1]
    assert await embedder_model.count([ChatMessage("user", "hello")] * 2) == 6


async def test_the_loop_goes_on_while_it_computes(embedder_model: OnnxEmbedder) -> None:
    task = asyncio.create_task(embedder_model.embed(["a text of some words " * 40] * 8))
    turns = 0
    while not task.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert turns > 3
    names = [thread.name for thread in threading.enumerate()]
    assert 1 <= sum(name.startswith("onnx-embedder") for name in names) <= 2


async def test_a_short_call_is_not_held_up_by_a_long_one(embedder_model: OnnxEmbedder) -> None:
    long = asyncio.create_task(embedder_model.embed(["many words in one text " * 50] * 24))
    await asyncio.sleep(0)
    await embedder_model.embed(["a question"])
    assert not long.done()
    long.cancel()
    with pytest.raises(asyncio.CancelledError):
        await long


async def test_the_queue_is_bounded(fresh: OnnxEmbedder) -> None:
    results = await asyncio.gather(*(fresh.embed(["x"]) for _ in range(3)), return_exceptions=True)
    assert sum(isinstance(result, BackendBusy) for result in results) == 1
    assert (await fresh.embed(["x"])).shape == (1, 384)


async def test_nothing_is_loaded_before_it_is_used(fresh: OnnxEmbedder) -> None:
    health = await fresh.health()
    assert (health.ok, health.resident) == (True, False)
    await fresh.embed(["x"])
    health = await fresh.health()
    assert (health.ok, health.resident) == (True, True)


async def test_low_memory_gives_the_same_vectors(
    embedder_files: ModelStore, embedder_model: OnnxEmbedder
) -> None:
    small = OnnxEmbedder("small", OnnxOptions(low_memory=True, threads=1), embedder_files)
    same = (await small.embed(RELATED)) * (await embedder_model.embed(RELATED))
    assert same.sum(axis=1).min() > 0.99
    await small.aclose()


async def test_it_does_not_chat(embedder_model: OnnxEmbedder) -> None:
    request = ChatRequest((ChatMessage("user", "hello"),))
    with pytest.raises(InvalidRequest, match="cannot answer"):
        await anext(embedder_model.chat(request))


async def test_a_closed_embedder_says_so(embedder_files: ModelStore) -> None:
    embedder = OnnxEmbedder("closed", OnnxOptions(), embedder_files)
    await embedder.aclose()
    await embedder.aclose()
    assert not (await embedder.health()).ok
    with pytest.raises(BackendUnavailable):
        await embedder.embed(["x"])


async def test_closing_in_mid_call_ends_the_call_by_name(embedder_files: ModelStore) -> None:
    embedder = OnnxEmbedder("closing", OnnxOptions(), embedder_files)
    await embedder.embed(["x"])
    task = asyncio.create_task(embedder.embed(["many words in one text " * 50] * 24))
    await asyncio.sleep(0.05)
    await embedder.aclose()
    with pytest.raises(BackendUnavailable):
        await task


async def test_damaged_files_get_one_sentence(embedder_files: ModelStore, tmp_path: Path) -> None:
    model, words = tmp_path / "model.onnx", tmp_path / "tokenizer.json"
    model.write_bytes(b"no model")
    words.write_text(json.dumps({"no": "tokenizer"}))
    for fields in ({"source": f"file:{model}"}, {"tokenizer_source": f"file:{words}"}):
        embedder = OnnxEmbedder("bad", OnnxOptions.model_validate(fields), embedder_files)
        with pytest.raises(ModelNotFound) as caught:
            await embedder.embed(["x"])
        assert "\n" not in str(caught.value)
        await embedder.aclose()


async def test_the_defaults_alone_make_an_embedder(embedder_files: ModelStore) -> None:
    options = OnnxOptions.model_validate({})
    assert options.sources() == [
        (EMBEDDER_FILE.source, EMBEDDER_FILE.sha256),
        (TOKENIZER_FILE.source, TOKENIZER_FILE.sha256),
    ]
    embedder = ENGINE.create("e", options, EngineContext(embedder_files, lambda _: None))
    assert (await embedder.health()).ok
    await embedder.aclose()


def test_another_file_is_not_held_to_the_defaults_digest() -> None:
    options = OnnxOptions(source="file:own.onnx")
    assert options.sources()[0] == ("file:own.onnx", None)
    with pytest.raises(ValidationError):
        OnnxOptions.model_validate({"max_tokens": 0})


def test_vectors_are_marked_with_their_model(embedder_files: ModelStore) -> None:
    own, other = {"source": "file:own.onnx"}, {"source": "file:others/own.onnx"}
    ids = {
        OnnxEmbedder("a", OnnxOptions.model_validate(fields), embedder_files).model_id
        for fields in ({}, {"max_tokens": 128}, own, other, {**own, "pooling": "cls"})
    }
    assert len(ids) == 5
    assert "model.onnx@8199be6f699a/256" in ids


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize(
    "file", [encoder(), encoder(segments=False), encoder(pooled=True)], ids=["", "bare", "pooled"]
)
async def test_a_text_is_the_mean_of_its_tokens_or_the_first_of_them(
    embedder_files: ModelStore, tmp_path: Path, file: bytes, pooling: str
) -> None:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(file)
    options = OnnxOptions.model_validate({"source": f"file:{path}", "pooling": pooling})
    embedder = OnnxEmbedder("tiny", options, embedder_files)
    texts = ["rotate", "how do I rotate the logs?"]  # the shorter one is padded
    rows = await embedder.embed(texts)
    for text, row in zip(texts, rows, strict=True):
        ids = np.array(embedder.tokenizer.encode(text).ids)
        states = np.stack([np.sin(ids), np.cos(ids)], axis=1)
        wanted = states[0] if pooling == "cls" else states.mean(axis=0)
        assert np.allclose(row, wanted / np.linalg.norm(wanted), atol=1e-4)
    await embedder.aclose()


@pytest.mark.parametrize(
    ("source", "pooling"),
    [
        ("hf:Xenova/bge-small-en-v1.5/onnx/model_quantized.onnx", "cls"),
        ("file:models/snowflake_arctic_embed_m/model.onnx", "cls"),
        ("hf:Xenova/e5-small-v2/onnx/model_quantized.onnx", "mean"),
        ("file:models/own.onnx", "mean"),
    ],
)
async def test_the_source_tells_how_a_known_model_pools(
    embedder_files: ModelStore, source: str, pooling: str
) -> None:
    assert await pooled("mine", embedder_files, source=source) == pooling
    assert await pooled("mine", embedder_files, source=source, pooling="mean") == "mean"
    assert await pooled("mine", embedder_files) == "mean"


async def test_a_model_was_asked_by_its_name_and_pooled_by_its_source_alone(
    embedder_files: ModelStore,
) -> None:
    source = "file:models/model.onnx"
    assert await pooled("bge-small", embedder_files, source=source) == "cls"
    assert await pooled("bge-small[1]", embedder_files, source=source, pooling="mean") == "mean"
    assert await pooled("bge-small", embedder_files, source="hf:x/e5-small/m.onnx") == "mean"


async def pooled(name: str, files: ModelStore, **options: str) -> str:
    embedder = OnnxEmbedder(name, OnnxOptions.model_validate(options), files)
    await embedder.aclose()
    return embedder.pooling


@pytest.mark.parametrize("most", [1, 10, 100])
def test_batches_hold_every_text_once_and_stay_small(most: int) -> None:
    encoded = [[0] * length for length in (5, 1, 9, 9, 2, 40, 3)]
    made = list(plan_batches(encoded, most))
    assert sorted(at for batch in made for at in batch) == list(range(len(encoded)))
    for batch in made:
        longest = max(len(encoded[at]) for at in batch)
        assert len(batch) == 1 or longest * len(batch) <= most


def test_a_short_text_is_not_padded_to_the_length_of_a_long_one() -> None:
    """A question was, beside the passages that it is compared with: a fifth of what that took."""
    question, passages = [0] * 15, [[0] * length for length in (180, 250, 250)]
    assert list(plan_batches([question, *passages], 512)) == [[0], [1], [2, 3]]
