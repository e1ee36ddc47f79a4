"""A model whose memory cannot be cut: what goes on is reused, everything else is read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.backends.llama_cpp.asking import Make, tell
from tests.unit.backends.llama_cpp.tiny import write_recurrent_model

LETTERS = dict.fromkeys(range(64, 90), 40.0)  # so that what it babbles is text


@pytest.fixture(scope="module")
def recurrent(tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("tiny") / "recurrent.gguf"
    write_recurrent_model(path)
    return f"file:{path}"


async def test_a_turn_that_goes_on_reuses_the_memory(make: Make, recurrent: str) -> None:
    warm, cold = make(source=recurrent), make(source=recurrent)
    first = await tell(warm, "Hello there.", conversation="c", logit_bias=LETTERS)
    assert first.text.isalpha()
    turns = ("Hello there.", first.text, "And then?")
    again = await tell(warm, *turns, conversation="c", logit_bias=LETTERS)
    assert again.usage.cached_tokens >= first.usage.prompt_tokens
    assert again.text == (await tell(cold, *turns, logit_bias=LETTERS)).text


async def test_a_changed_history_is_read_again_in_full(make: Make, recurrent: str) -> None:
    warm, cold = make(source=recurrent), make(source=recurrent)
    await tell(warm, "Hello there.", conversation="c", logit_bias=LETTERS)
    changed = ("Hello there, you.", "Yes?", "And then?")
    again = await tell(warm, *changed, conversation="c", logit_bias=LETTERS)
    assert again.usage.cached_tokens == 0
    assert again.text == (await tell(cold, *changed, logit_bias=LETTERS)).text


async def test_many_at_once_do_not_share_what_cannot_be_shared(make: Make, recurrent: str) -> None:
    backend = make(source=recurrent, parallel=2)
    alone = [(await tell(backend, f"{n}, hello.", logit_bias=LETTERS)).text for n in range(5)]
    for n in range(5):
        told = await tell(backend, f"{n}, hello.", conversation=f"c{n}", logit_bias=LETTERS)
        assert told.text == alone[n]


async def test_a_question_that_is_asked_again_goes_back_to_a_checkpoint(
    make: Make, recurrent: str
) -> None:
    warm, cold = make(source=recurrent), make(source=recurrent)
    question = "Tell me what you know of the sea and of the ships on it. " * 3
    first = await tell(warm, question, conversation="c", logit_bias=LETTERS)
    again = await tell(warm, question, conversation="c", logit_bias=LETTERS)
    assert again.usage.cached_tokens == first.usage.prompt_tokens - 32
    assert again.text == first.text == (await tell(cold, question, logit_bias=LETTERS)).text


async def test_a_checkpoint_outlives_parking(make: Make, recurrent: str) -> None:
    warm = make(source=recurrent, parallel=1)
    question = "Tell me what you know of the sea and of the ships on it. " * 3
    first = await tell(warm, question, conversation="c", logit_bias=LETTERS)
    for n in range(3):
        await tell(warm, f"{n}, hello. " * 20, conversation=f"c{n}", logit_bias=LETTERS)
    assert warm.stats().parked_sequences
    again = await tell(warm, question, conversation="c", logit_bias=LETTERS)
    assert again.usage.cached_tokens == first.usage.prompt_tokens - 32
    assert again.text == first.text
