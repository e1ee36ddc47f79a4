"""What a model says again before it goes on is taken out, however it comes in pieces."""

from __future__ import annotations

import pytest

from bot.prompting.continuation import RepetitionFilter
from bot.replies.fences import close_fence, open_fence

BEFORE = "First line of the answer.\n\n```py\ndef f(one, two):\n    return one +"


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    ("after", "new"),
    [
        (" two\n```", " two\n```"),
        (f"{BEFORE} two\n```", " two\n```"),
        ("    return one + two\n```", " two\n```"),
        ("return one + two\n```", " two\n```"),
        ("def f(one, two):\n    return one + two", " two"),
        ("Something else.", "Something else."),
        ("    return one +", ""),
        (BEFORE, ""),
        ("", ""),
    ],
)
def test_what_is_repeated_is_left_out(after: str, new: str, size: int) -> None:
    made = RepetitionFilter(BEFORE)
    shown = "".join(made.feed(after[at : at + size]) for at in range(0, len(after), size))
    assert (shown + made.finish()).lstrip(" ") == new.lstrip(" ")


def test_a_long_answer_is_looked_through_once() -> None:
    """It holds back no more than what is there already."""
    made = RepetitionFilter("ha " * 5_000)
    said = "".join(made.feed("ha ") for _ in range(50)) + made.feed("new words")
    assert said.endswith("new words")


@pytest.mark.parametrize(
    ("text", "opener", "closer"),
    [
        ("", "", ""),
        ("a\n```py\nb", "```py", "```"),
        ("a\n```py\nb\n```", "", ""),
        ("a\n~~~~\n```\nb", "~~~~", "~~~~"),
        ("```a``` b", "", ""),
        ("```\na\n```\n````md\n```\nb\n```", "````md", "````"),
    ],
)
def test_the_fence_that_is_open(text: str, opener: str, closer: str) -> None:
    assert (open_fence(text), close_fence(text)) == (opener, closer)
