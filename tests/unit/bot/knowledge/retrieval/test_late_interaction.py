"""Comparing the best passages token by token, with the real embedder and with none that can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from backends.base import Embeddings
from backends.errors import BackendUnavailable
from backends.files.store import ModelStore
from backends.onnx.embedder import OnnxEmbedder, OnnxOptions
from bot.config.knowledge import KnowledgeSettings
from bot.knowledge.retrieval.candidates import Candidate
from bot.knowledge.retrieval.embedder import Embedder, create_embedder
from bot.knowledge.retrieval.late_interaction import COMPARED_PASSAGES, compare_tokens
from tests.unit.bot.knowledge.conftest import Drain, Room

QUESTION = "From what age may children swim alone?"
ANSWERS = "Children of ten years and older may swim without an adult."
NEAR = "Swimming lessons for children take place on Mondays in the small pool."
FAR = "The invoice is paid within thirty days after the delivery."


def candidate(text: str, score: float, base: str = "default") -> Candidate:
    row = SimpleNamespace(title="", heading="", text=text, base=base, number=0)
    return Candidate(row, score=score)


async def real(files: ModelStore) -> tuple[OnnxEmbedder, Embedder]:
    backend = OnnxEmbedder("embedder", OnnxOptions(), files)
    return backend, await create_embedder(backend, english=True)


async def test_the_passage_with_what_is_asked_goes_before_one_about_the_subject(
    embedder_files: ModelStore,
) -> None:
    backend, embedder = await real(embedder_files)
    found = [candidate(NEAR, 0.90), candidate(ANSWERS, 0.89), candidate(FAR, 0.30)]
    await compare_tokens(QUESTION, found, {"default": embedder})
    await backend.aclose()
    assert [one.row.text for one in found] == [ANSWERS, NEAR, FAR]
    late = [one.late or 0.0 for one in found]
    assert late == sorted(late, reverse=True)
    assert late[-1] > 0


async def test_only_the_best_are_compared_and_they_stay_above_the_others(
    embedder_files: ModelStore,
) -> None:
    backend, embedder = await real(embedder_files)
    found = [candidate(ANSWERS, 0.9)] + [candidate(FAR, 0.8 - n / 100) for n in range(5)]
    rest = [one.score for one in found[COMPARED_PASSAGES:]]
    await compare_tokens(QUESTION, found, {"default": embedder})
    await backend.aclose()
    assert [one.score for one in found[COMPARED_PASSAGES:]] == rest
    assert all(one.late is None for one in found[COMPARED_PASSAGES:])
    assert min(one.score for one in found[:COMPARED_PASSAGES]) >= max(rest)


async def test_tokens_have_unit_vectors_without_begin_and_end(embedder_files: ModelStore) -> None:
    backend, _ = await real(embedder_files)
    texts = ["A short text", "", "word " * 2_000]
    short, empty, long = await backend.embed_tokens(texts)
    await backend.aclose()
    assert short.shape == (3, 384)
    assert empty.shape == (0, 384)
    assert long.shape == (254, 384), "a long text is cut where its vector is cut"
    assert np.linalg.norm(long, axis=1) == pytest.approx(np.ones(254), abs=1e-5)


async def test_an_embedder_without_tokens_or_two_of_them_change_nothing(
    embedder_files: ModelStore,
) -> None:
    backend, embedder = await real(embedder_files)
    without = replace(embedder, id="other", embed_tokens=None)
    found = [candidate(NEAR, 0.9), candidate(ANSWERS, 0.8, "other")]
    await compare_tokens(QUESTION, found, {"default": embedder, "other": without})
    await compare_tokens(QUESTION, found[1:], {"other": without})
    await compare_tokens(QUESTION, [], {})
    await backend.aclose()
    assert [(one.score, one.late) for one in found] == [(0.9, None), (0.8, None)]


@pytest.mark.parametrize("enabled", [True, False])
async def test_a_search_goes_on_where_it_fails_and_asks_nothing_where_it_is_off(
    room: Room, drain: Drain, enabled: bool
) -> None:
    asked: list[str] = []

    async def down(texts: Sequence[str]) -> Sequence[Embeddings]:
        asked.append(texts[0])
        raise BackendUnavailable("The engine is gone.")

    plain = await room.embedder("default")

    async def embedder(base: str) -> Embedder:
        return replace(plain, embed_tokens=down)

    settings = KnowledgeSettings(chunk_tokens=60, late_interaction=enabled)
    service = room.service(settings, embedder=embedder)
    await drain(service.add(str(room.file("swim.md", ANSWERS))))
    found = await service.search("may children swim")
    assert found.passages[0].text == ANSWERS
    assert asked == (["may children swim"] if enabled else [])
