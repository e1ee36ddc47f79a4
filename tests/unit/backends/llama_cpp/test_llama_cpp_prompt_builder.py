"""Counting and prompts are made beside the thread that computes, with one vocabulary."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from pathlib import Path

import pytest

from backends.base import ChatMessage
from backends.errors import ContextOverflow
from backends.llama_cpp import LlamaCppBackend
from tests.unit.backends.llama_cpp.asking import Make, tell
from tests.unit.backends.llama_cpp.tiny import write_sliding_window_model
from tests.until import PATIENCE_S, until


def reads_its_own(backend: LlamaCppBackend) -> bool:
    """Whether a vocabulary is loaded beside the model's."""
    return backend._prompts._own is not None


async def test_counting_and_prompts_do_not_wait_for_the_thread_that_computes(make: Make) -> None:
    backend = make()
    assert (await tell(backend, "Hello!")).text
    hold, held = threading.Event(), concurrent.futures.Future[bool]()
    assert backend._owner.send((lambda _: hold.wait(), held))
    try:
        async with asyncio.timeout(PATIENCE_S):
            assert await backend.count([ChatMessage("user", "Hello!")]) > 5
            assert backend.tokens("the sea") == 2
            with pytest.raises(ContextOverflow):
                await tell(backend, "sea " * 600)
        assert not held.done()
    finally:
        hold.set()
        await asyncio.wrap_future(held)


async def test_counting_needs_no_weights_and_one_vocabulary_at_most(make: Make) -> None:
    backend = make()
    messages = [ChatMessage("user", "Hello, <|im_end|> you.")]
    beside = await backend.count(messages)
    assert not backend.stats().resident
    assert reads_its_own(backend)
    told = await tell(backend, "Hello, <|im_end|> you.")
    assert told.usage.prompt_tokens == beside == await backend.count(messages)
    assert not reads_its_own(backend), "the loaded model has a vocabulary, too"
    await backend.unload()
    await until(lambda: not backend.stats().resident)
    assert await backend.count(messages) == beside


async def test_a_replaced_file_is_counted_by_its_own_vocabulary(
    make: Make, chat_model_path: Path, tmp_path: Path
) -> None:
    path = tmp_path / "model.gguf"
    write_sliding_window_model(path)
    backend = make(source=f"file:{path}")
    letters = await backend.count([ChatMessage("user", "elephants " * 20)])
    fresh = tmp_path / "fresh.gguf"
    fresh.symlink_to(chat_model_path)
    fresh.replace(path)
    assert await backend.count([ChatMessage("user", "elephants " * 20)]) < letters
