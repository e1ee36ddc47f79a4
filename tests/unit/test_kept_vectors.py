"""Vectors that a run has kept are those of the next one, unless the model computes others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from backends.base import Embeddings
from tests.kept_vectors import KeptVectors


class Model:
    """Its vectors of a text point where `turn` says; it notes what it computed."""

    def __init__(self, turn: float = 0) -> None:
        self._turn = turn
        self.computed: list[str] = []

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        self.computed += texts
        angles = np.array([len(text) + self._turn for text in texts], np.float32)
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)

    async def embed_tokens(self, texts: Sequence[str]) -> list[Embeddings]:
        return [await self.embed(text.split()) for text in texts]


def opened(model: Model, path: Path) -> KeptVectors:
    return KeptVectors(cast(Any, model), path)


async def test_they_are_those_of_the_next_run(tmp_path: Path) -> None:
    texts = [f"text {'x' * number}" for number in range(30)]
    first = opened(Model(), tmp_path / "kept.npz")
    rows = await first.embed(texts)
    first.save()
    model = Model()
    again = opened(model, tmp_path / "kept.npz")
    assert (await again.embed([*texts, "new"]) == [*rows, *(await Model().embed(["new"]))]).all()
    assert model.computed[-1] == "new"
    assert len(model.computed) < len(texts) / 2
    assert (await again.embed([])).shape == (0, 2)


async def test_a_model_that_computes_others_gets_none(tmp_path: Path) -> None:
    texts = ["one", "three", "five more"]
    first = opened(Model(), tmp_path / "kept.npz")
    await first.embed(texts)
    first.save()
    changed = opened(Model(turn=1), tmp_path / "kept.npz")
    assert (await changed.embed(texts) == await Model(turn=1).embed(texts)).all()


async def test_those_of_tokens_are_kept_as_well(tmp_path: Path) -> None:
    texts = ["one and three", "five", "six more words and one"]
    first = opened(Model(), tmp_path / "kept.npz")
    await first.embed(texts)
    rows = await first.embed_tokens([*texts, "five"])
    first.save()
    model = Model()
    again = opened(model, tmp_path / "kept.npz")
    kept = await again.embed_tokens([*texts, "five"])
    assert model.computed == []
    assert all(np.allclose(a, b, atol=0.001) for a, b in zip(kept, rows, strict=True))
    changed = opened(Model(turn=1), tmp_path / "kept.npz")
    await changed.embed(texts)  # by which it is found out
    (row,) = await changed.embed_tokens(["five"])
    assert (row == await Model(turn=1).embed(["five"])).all()
