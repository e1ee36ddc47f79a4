"""Repetition is noticed, and nothing else is taken for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.prompting.repetition_guard import RepetitionGuard

SENTENCE = "- A Python package that is a chat model of 2 MB, a embedder, and its tokenizer.\n"
PARAGRAPH = "A long paragraph that goes on, and on. " * 8 + "And it has an end that differs.\n\n"


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
        "no, ",
        SENTENCE,
        PARAGRAPH,
        "答えは次のとおりです。",
        "我不知道这个问题的答案。\n",
        "नमस्ते दुनिया ",
        "Here is the code:\n```\nprint(1)\n```\n",
    ],
)
def test_a_piece_over_and_over_is_noticed_soon(piece: str) -> None:
    found = _fed("Some honest words come first. " + piece * 600)
    assert found is not None
    assert found < 30 + max(2_000, len(piece) * 5) + 7


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(f"{n}. item number {n} of the list" for n in range(100)),
        "| --- | --- | --- |\n" + "\n".join(f"| row {n} | yes | no |" for n in range(60)),
        "never, never, never give up. " + "Other words follow here, and more. " * 1,
        " " * 3000,
        "\n" * 3000,
        "| Name | Number | Remark |\n| --- | --- | --- |\n" + "|  |  |  |\n" * 300,
        "| Name | Number |\n| --- | --- |\n" + "| n/a | - |\n" * 300,
        "-" * 3000,
        "─" * 3000,
        "- - " * 800,
        "A list:\n" + "- [ ] \n" * 400,
        "- [ ] a\n" * 300,
        "+--------+--------+\n" + "|        |        |\n" * 200 + "+--------+--------+\n",
        "Name: ______\n" * 60,
        "We will, we will rock you!\n" * 12,
        "Row, row, row your boat,\nGently down the stream.\n" * 6,
        "Na, na, na, nananana, nananana, hey Jude.\n" * 16,
        "0101 " * 600,
    ],
)
def test_lists_tables_boxes_songs_and_blank_text_are_no_repetition(text: str) -> None:
    assert _fed(text) is None


@pytest.mark.parametrize("fence", ["```python\n{}```\n", "~~~~\n{}~~~~\n", "> ```\n> {}"])
def test_code_may_repeat_itself(fence: str) -> None:
    assert _fed("The table of bytes:\n\n" + fence.format("    nothing(at, all)\n" * 300)) is None


def test_after_the_code_it_is_looked_for_again() -> None:
    text = "```\nsame line\nsame line\n```\n" + SENTENCE * 40
    found = _fed(text)
    assert found is not None
    assert found > 800


@given(st.text(max_size=150))
def test_a_short_text_is_never_taken_for_one(text: str) -> None:
    assert _fed(text, step=11) is None
