"""What a model with a sliding window (a tiny Gemma 3 made on the spot) computes again."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

from backends.base import ChatMessage, ChatRequest, EngineContext, Sampling, Usage
from backends.files.store import ModelStore
from backends.llama_cpp import ENGINE, LlamaCppBackend, LlamaCppOptions
from bench.rows import Row
from tests.unit.backends.llama_cpp.tiny import write_sliding_window_model

_LETTERS = dict.fromkeys(range(64, 90), 40.0)
_SYSTEM = ChatMessage("system", "You answer all that people ask of you. " * 12)
_FOLLOWED_TOKENS = 1
"""The last token that was written is never computed: nothing followed it."""


async def second_turn() -> list[Row]:
    """The tokens of earlier turns that the second turn of a conversation computes again."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gemma3.gguf"
        await asyncio.to_thread(write_sliding_window_model, path)
        return [await _row(path, swa_full=full) for full in (True, False)]


async def _row(path: Path, *, swa_full: bool) -> Row:
    options = LlamaCppOptions(
        source=f"file:{path}", context=1024, n_threads=1, swa_full=swa_full, n_ubatch=64
    )
    backend = ENGINE.create("bench", options, EngineContext(ModelStore(), lambda _: None))
    assert isinstance(backend, LlamaCppBackend)
    try:
        turns = [_SYSTEM, ChatMessage("user", "Hello there.")]
        text, first = await _ask(backend, turns)
        turns += [ChatMessage("assistant", text), ChatMessage("user", "And then?")]
        _, second = await _ask(backend, turns)
    finally:
        await backend.aclose()
    known = first.prompt_tokens + first.completion_tokens - _FOLLOWED_TOKENS
    again = max(0, known - second.cached_tokens)
    kept = "all tokens kept" if swa_full else "the window kept"
    name = f"sliding window, {kept}: known tokens computed again at the second turn"
    return Row(name, float(again), "", "0", again == 0)


async def _ask(backend: LlamaCppBackend, messages: Sequence[ChatMessage]) -> tuple[str, Usage]:
    sampling = Sampling(temperature=0.0, max_tokens=200, logit_bias=_LETTERS)
    text, usage = "", Usage()
    request = ChatRequest(tuple(messages), sampling, conversation="c")
    async with aclosing(backend.chat(request)) as stream:
        async for chunk in stream:
            text += chunk.text
            usage = chunk.usage or usage
    return text, usage
