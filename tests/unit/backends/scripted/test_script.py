from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from backends.scripted.backend import ENGINE, ScriptedBackend
from backends.scripted.script import hash_words, split_words


async def test_embeddings_bring_shared_words_near() -> None:
    backend = ScriptedBackend("default")
    rows = await backend.embed(["the red fox", "A red FOX", "tax law", ""])
    assert rows.shape == (4, 384)
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1.0)
    assert rows[0] @ rows[1] > 0.5 > rows[0] @ rows[2]
    assert np.array_equal(rows, await backend.embed(["the red fox", "A red FOX", "tax law", ""]))
    assert (await backend.embed([])).shape == (0, 384)


@given(st.text())
def test_words_joined_are_the_text(text: str) -> None:
    assert "".join(split_words(text)) == text


@given(st.text(), st.integers(2, 64))
def test_every_bag_has_unit_length(text: str, dimension: int) -> None:
    assert np.isclose(np.linalg.norm(hash_words(text, dimension)), 1.0)


@pytest.mark.parametrize(
    "bad",
    [{"replys": []}, {"tokens_per_s": 0}, {"replies": [{"regex": "("}]}, {"replies": [{"x": 1}]}],
)
def test_bad_options_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ENGINE.options.model_validate(bad)
