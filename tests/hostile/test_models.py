"""Files that are no usable model are refused with one sentence, by whatever meets them first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from backends.base import EngineContext
from backends.errors import BackendError
from backends.files.store import ModelStore
from backends.llama_cpp import ENGINE, LlamaCppBackend, LlamaCppOptions
from tests.hostile.models import UNUSABLE_MODELS, without_template
from tests.unit.backends.llama_cpp.asking import tell


@pytest.mark.may_block
@pytest.mark.parametrize("make", UNUSABLE_MODELS, ids=lambda make: make.__name__)
async def test_each_has_its_sentence_and_none_ends_the_process(
    make: Callable[[Path], Path], tmp_path: Path
) -> None:
    """It writes files, and may block for that."""
    path = make(tmp_path)
    store = ModelStore(tmp_path / "models")
    options = LlamaCppOptions(source=f"file:{path}", context=128, n_threads=1)
    backend = ENGINE.create("bad", options, EngineContext(store, lambda _: None))
    assert isinstance(backend, LlamaCppBackend)
    try:
        with pytest.raises(BackendError) as caught:
            await tell(backend, "Hello!")
        assert UNUSABLE_MODELS[make] in str(caught.value)
        assert "\n" not in str(caught.value)
    finally:
        await backend.aclose()


@pytest.mark.may_block
async def test_a_model_without_a_template_answers_in_a_named_format(tmp_path: Path) -> None:
    path = without_template(tmp_path)
    options = LlamaCppOptions(source=f"file:{path}", context=128, n_threads=1, chat_format="chatml")
    store = ModelStore(tmp_path / "models")
    backend = ENGINE.create("named", options, EngineContext(store, lambda _: None))
    assert isinstance(backend, LlamaCppBackend)
    try:
        letters = dict.fromkeys(range(64, 90), 40.0)
        assert (await tell(backend, "Hello!", logit_bias=letters)).text
    finally:
        await backend.aclose()
