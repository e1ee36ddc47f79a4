"""Repetition is noticed, and nothing else is taken for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.prompting.repetition_guard import RepetitionGuard


def _fed(text: str, step: int = 7) -> int | None:
    """The position at which the guard speaks up, or None."""
    guard = RepetitionGuard()
    for start in range(0, len(text), step):
        if guard.feed(text[start : start + step]):
            return start
    return None


@pytest.mark.parametrize(
    "piece",
    [
        "The answer to the question is:\n\n",
        "ha ",
        "- A Python package that is a chat model of 2 MB, a embedder of 2 MB, and its tokenizer.\n",
        "答えは次のとおりです。",
        "A long paragraph that goes on. " * 3 + "And it has an end that differs.\n\n",
    ],
)
def test_a_piece_over_and_over_is_noticed_soon(piece: str) -> None:
    found = _fed("Some honest words come first. " + piece * 100)
    assert found is not None
    assert found < 30 + max(240, len(piece) * 6) + 7


def test_a_model_that_repeated_itself_for_ever_is_stopped_within_a_screen() -> None:
    found = _fed("Here it is.\n" + "The answer to the question is:\n\n" * 100)
    assert found is not None
    assert found < 400


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(f"{n}. item number {n} of the list" for n in range(100)),
        "| --- | --- | --- |\n" + "\n".join(f"| row {n} | yes | no |" for n in range(60)),
        "never, never, never give up. " + "Other words follow here, and more. " * 1,
        " " * 3000,
        "\n" * 3000,
    ],
)
def test_lists_tables_and_blank_text_are_no_repetition(text: str) -> None:
    assert _fed(text) is None


@given(st.text(max_size=150))
def test_a_short_text_is_never_taken_for_one(text: str) -> None:
    assert _fed(text, step=11) is None
