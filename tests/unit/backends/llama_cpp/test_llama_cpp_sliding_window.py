"""A model whose layers look back over a window: what is reused, and that answers stay right."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.llama_cpp import LlamaCppBackend
from tests.unit.backends.llama_cpp.asking import Make, Told, tell
from tests.unit.backends.llama_cpp.tiny import write_sliding_window_model

LETTERS = dict.fromkeys(range(64, 90), 40.0)  # so that what it babbles is text
LONG = "You answer all that people ask of you. " * 6
"""Much longer than the window of 32 tokens: each letter is a token."""


@pytest.fixture(scope="module")
def sliding(tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("tiny") / "sliding.gguf"
    write_sliding_window_model(path)
    return f"file:{path}"


async def say(
    backend: LlamaCppBackend, *texts: str, conversation: str | None = None, tokens: int = 12
) -> Told:
    return await tell(
        backend,
        *texts,
        system=LONG,
        conversation=conversation,
        max_tokens=tokens,
        logit_bias=LETTERS,
    )


@pytest.mark.parametrize("swa_full", [True, False])
async def test_a_second_turn_reads_only_what_is_new(
    make: Make, sliding: str, swa_full: bool
) -> None:
    warm, cold = (make(source=sliding, swa_full=swa_full) for _ in range(2))
    first = await say(warm, "Hello there.", conversation="c")
    turns = ("Hello there.", first.text, "And then?")
    again = await say(warm, *turns, conversation="c")
    known = first.usage.prompt_tokens + first.usage.completion_tokens
    assert again.usage.cached_tokens >= known - 1, "all but the last token, which nothing followed"
    assert again.text == (await say(cold, *turns)).text


async def test_conversations_share_a_beginning_that_is_longer_than_the_window(
    make: Make, sliding: str
) -> None:
    warm, cold = make(source=sliding), make(source=sliding)
    await say(warm, "Hello there.", conversation="a")
    other = await say(warm, "What is this?", conversation="b")
    assert other.usage.cached_tokens > len(LONG)
    assert other.text == (await say(cold, "What is this?")).text


async def test_a_changed_turn_goes_back_to_what_is_common(make: Make, sliding: str) -> None:
    warm, cold = make(source=sliding), make(source=sliding)
    await say(warm, "Hello there.", conversation="c", tokens=80)
    changed = await say(warm, "How are you?", conversation="c")
    assert changed.usage.cached_tokens > len(LONG)
    assert changed.text == (await say(cold, "How are you?")).text


@pytest.mark.parametrize("parking", [None, 0])
async def test_where_only_the_window_is_kept_a_changed_turn_goes_back_to_a_checkpoint(
    make: Make, sliding: str, parking: int | None
) -> None:
    small = {"swa_full": False, "parallel": 1, "context": 1024, "n_ubatch": 64}
    warm = make(source=sliding, parking_bytes=parking, **small)
    cold = make(source=sliding)
    first = await say(warm, "Hello there.", conversation="c", tokens=520)
    changed = await say(warm, "How are you?", conversation="c")
    kept = changed.usage.cached_tokens
    assert kept == (first.usage.prompt_tokens - 32 if parking is None else 0)
    assert changed.text == (await say(cold, "How are you?")).text


@pytest.mark.parametrize("swa_full", [True, False])
async def test_a_parked_conversation_comes_back_with_no_more_than_its_window(
    make: Make, sliding: str, swa_full: bool
) -> None:
    """Cutting it below that would compute on cells that are not there."""
    warm = make(source=sliding, swa_full=swa_full, cache_tokens=512)
    cold = make(source=sliding)
    first = await say(warm, "Hello there.", conversation="c", tokens=60)
    assert len(set(first.text)) > 3, "a text that says the same for ever would show no difference"
    await push_out(warm, 0)
    changed = await say(warm, "How are you?", conversation="c")
    assert changed.text == (await say(cold, "How are you?")).text
    await push_out(warm, 3)
    turns = ("How are you?", changed.text, "And then?")
    again = await say(warm, *turns, conversation="c")
    known = changed.usage.prompt_tokens + changed.usage.completion_tokens
    assert again.usage.cached_tokens >= known - 1
    assert again.text == (await say(cold, *turns)).text


async def push_out(backend: LlamaCppBackend, start: int) -> None:
    """Other conversations need the room, with another beginning."""
    restored = backend.stats().restored
    for n in range(start, start + 3):
        await tell(backend, f"{n} " * 120, conversation=f"other {n}", logit_bias=LETTERS)
    assert backend.stats().parked_sequences
    assert backend.stats().restored == restored
