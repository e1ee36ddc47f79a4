"""Questions and passages are embedded as a model was trained, and its cosines are put to scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from backends.base import Embeddings
from backends.errors import BackendProtocolError
from backends.onnx.embedder import OnnxEmbedder
from backends.scripted.backend import ScriptedBackend
from bot.config.core import FetchSettings
from bot.knowledge.ingestion.chunking import Chunker
from bot.knowledge.retrieval.calibration import (
    DEFAULT_SCALE,
    DEFAULT_UNRELATED_COSINE,
    CosineScale,
    compute_scale,
    measure_scale,
)
from bot.knowledge.retrieval.embedder import Embedder, create_embedder
from bot.knowledge.service import KnowledgeService
from bot.skills.document_tree import Paragraph
from bot.storage.database import Database
from bot.web.fetch import Fetcher

NOMIC = ("nomic-embed-text:latest",)


class Heard:
    """An embedder's `embed`, and every text that it was given."""

    def __init__(self, backend: ScriptedBackend) -> None:
        self._backend = backend
        self.texts: list[str] = []

    async def __call__(self, texts: Sequence[str]) -> Embeddings:
        self.texts += texts
        return await self._backend.embed(texts)


@pytest.fixture
def heard() -> Heard:
    return Heard(ScriptedBackend("embedder", dimension=64))


async def opened(
    heard: Heard,
    names: Sequence[str] = (),
    *,
    query_prefix: str | None = None,
    passage_prefix: str | None = None,
) -> Embedder:
    return await create_embedder(
        ScriptedBackend("embedder", dimension=64),
        heard,
        names=names,
        query_prefix=query_prefix,
        passage_prefix=passage_prefix,
    )


async def test_indexes_of_the_default_embedder_stay_valid(embedder_model: OnnxEmbedder) -> None:
    embedder = await create_embedder(embedder_model)
    assert (embedder.id, embedder.window) == ("model.onnx@8199be6f699a/256", 256)
    assert embedder.scale == DEFAULT_SCALE
    assert np.array_equal(await embedder.embed_query(["a"]), await embedder.embed(["a"]))


async def test_an_unknown_embedder_is_given_the_texts_as_they_are(heard: Heard) -> None:
    embedder = await opened(heard, ["my-own-model"])
    await embedder.embed_query(["how?"])
    await embedder.embed(["so."])
    assert heard.texts == ["how?", "so."]
    assert embedder.id == "my-own-model"


async def test_a_known_family_is_asked_as_it_was_trained(heard: Heard) -> None:
    embedder = await opened(heard, NOMIC)
    await embedder.embed_query(["how?"])
    await embedder.embed(["so."])
    assert heard.texts == ["search_query: how?", "search_document: so."]


async def test_what_is_configured_goes_before_the_family(heard: Heard) -> None:
    embedder = await opened(heard, NOMIC, query_prefix="Q ", passage_prefix="")
    await embedder.embed_query(["how?"])
    await embedder.embed(["so."])
    assert heard.texts == ["Q how?", "so."]


async def test_the_id_tells_what_stood_before_the_passages_and_nothing_else(heard: Heard) -> None:
    ids = [
        (await opened(heard, query_prefix=asked, passage_prefix=told)).id
        for asked, told in (
            (None, None),
            ("Q ", None),  # changes no vector that is kept
            (None, "P "),
            (None, "other: "),
            ("Q ", "P "),
        )
    ]
    assert ids[0] == ids[1]
    assert ids[2] == ids[4]
    assert len({ids[0], ids[2], ids[3]}) == 3


async def test_another_model_at_the_same_server_is_another_embedder(heard: Heard) -> None:
    """What config.yaml calls it may stay, and the dimension too: the vectors would be mixed."""
    first, second = [await opened(heard, (name, "team")) for name in ("minilm", "minilm:v2")]
    assert (first.id, second.id) == ("minilm", "minilm:v2")
    assert (await opened(heard)).id == "embedder"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda rows: np.hstack([rows, rows]), "gives 128 numbers for a text and gave 64 before"),
        (lambda rows: rows[:-1], "did not give a vector for each text"),
        (lambda rows: rows * np.float32("nan"), "values that are no numbers"),
    ],
)
async def test_a_server_that_changed_its_model_ended_searches_and_readings_in_a_trace(
    spoil: Callable[[Embeddings], Embeddings], said: str, tmp_path: Path
) -> None:
    backend = ScriptedBackend("embedder", dimension=64)
    well = True

    async def served(texts: Sequence[str]) -> Embeddings:
        rows = await backend.embed(texts)
        return rows if well else spoil(rows)

    embedder = await create_embedder(backend, served, names=["team-model"])

    async def give(base: str) -> Embedder:
        return embedder

    database = await Database.open(tmp_path / "parlance.db")
    service = KnowledgeService(
        database, tmp_path / "chroma", embedder=give, fetcher=Fetcher(FetchSettings())
    )
    async for _ in service.add_bytes("logs.md", b"# Logs\n\nThe logs rotate at night."):
        pass
    well = False
    with pytest.raises(BackendProtocolError, match=f"The embedder team-model .*{said}"):
        async for _ in service.add_bytes("bulbs.md", b"# Bulbs\n\nA bulb lasts a year."):
            pass
    found = await service.search("When do the logs rotate?")
    assert [passage.title for passage in found.passages] == ["Logs"]  # by its words alone
    assert [document.title for document in await service.list()] == ["Logs"]
    await service.aclose()
    await database.close()


async def test_a_passage_and_what_stands_before_it_fit_the_window_together(
    embedder_model: OnnxEmbedder,
) -> None:
    prefix = "search_document: the following is a passage of the handbook: "
    embedder = await create_embedder(embedder_model, passage_prefix=prefix)
    chunker = Chunker(embedder.count, embedder.window, 8_000, embedder.spans)
    text = "The logs are rotated nightly, and older ones removed. " * 200
    sizes = [
        embedder_model.tokens(prefix + chunk.embedding_text) + 2
        for chunk in chunker.chunks("Operations", [Paragraph(text)])
    ]
    assert len(sizes) > 5
    assert 200 < max(sizes) <= 256


async def test_documents_are_read_and_searched_each_in_its_own_way(
    heard: Heard, tmp_path: Path
) -> None:
    embedder = await opened(heard, NOMIC)

    async def give(base: str) -> Embedder:
        return embedder

    database = await Database.open(tmp_path / "parlance.db")
    service = KnowledgeService(
        database, tmp_path / "chroma", embedder=give, fetcher=Fetcher(FetchSettings())
    )
    text = b"# Logs\n\nThe logs rotate at night. Old ones are kept for two weeks."
    async for _ in service.add_bytes("logs.md", text):
        pass
    assert heard.texts
    assert all(text.startswith("search_document: ") for text in heard.texts)
    heard.texts.clear()
    await service.search("When do the logs rotate?")
    assert heard.texts[0] == "search_query: When do the logs rotate?"
    assert all(text.startswith("search_query: ") for text in heard.texts)
    await service.aclose()
    await database.close()


async def test_the_scale_is_the_one_that_the_default_embedder_has(
    embedder_model: OnnxEmbedder,
) -> None:
    found = await measure_scale(embedder_model.embed, embedder_model.embed, english=True)
    assert found.unrelated_cosine == pytest.approx(DEFAULT_UNRELATED_COSINE, abs=0.01)


@pytest.mark.parametrize("apart", [DEFAULT_UNRELATED_COSINE, 0.4, 0.75])
def test_what_is_far_apart_counts_the_same_with_every_embedder(apart: float) -> None:
    cosines = CosineScale(apart)(np.array([apart, (1 + apart) / 2, 1.0]))
    assert np.allclose(cosines, [DEFAULT_UNRELATED_COSINE, (1 + DEFAULT_UNRELATED_COSINE) / 2, 1.0])


def test_an_embedder_that_tells_nothing_apart_is_left_as_it_is() -> None:
    same = np.full((3, 4), 0.5, dtype=np.float32)
    assert compute_scale(same, same) == DEFAULT_SCALE
