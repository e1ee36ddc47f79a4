"""How alike a question and short texts are, where an embedder is loaded."""

from __future__ import annotations

import pytest

from backends.scripted.backend import ScriptedBackend
from bot.knowledge.likeness import Likeness
from bot.knowledge.retrieval.embedder import Embedder, create_embedder

TEXTS = ["paint the door", "boil some water", "read a book"]


def of(backend: ScriptedBackend) -> Likeness:
    async def loaded() -> Embedder:
        return await create_embedder(backend)

    return Likeness(loaded)


async def test_the_text_with_the_same_words_is_the_most_alike() -> None:
    found = await of(ScriptedBackend("words"))("boil some water", TEXTS)
    assert found is not None
    assert found[1] == pytest.approx(1.0, abs=1e-5)
    assert max(found) == found[1]


async def test_a_text_is_embedded_once() -> None:
    backend = ScriptedBackend("words")
    likeness = of(backend)
    await likeness("paint", TEXTS)
    backend.embedded.clear()
    await likeness("boil", TEXTS)
    embedded = [text for texts in backend.embedded for text in texts]
    assert "boil" in embedded
    assert not set(embedded) & set(TEXTS)


async def test_nothing_is_loaded_for_it() -> None:
    async def none() -> None:
        return None

    assert await Likeness(none)("paint", TEXTS) is None


async def test_an_embedder_that_fails_tells_nothing() -> None:
    backend = ScriptedBackend("words")
    embedder = await create_embedder(backend)
    backend.available = False

    async def loaded() -> Embedder:
        return embedder

    assert await Likeness(loaded)("paint", TEXTS) is None
