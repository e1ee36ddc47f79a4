"""What sequences share."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backends.llama_cpp.sequence import common_prefix

TOKENS = st.lists(st.integers(0, 3), max_size=30)


@given(TOKENS, TOKENS, TOKENS)
def test_common_prefix_is_the_longest(same: list[int], a: list[int], b: list[int]) -> None:
    first, second = same + a, same + b
    length = common_prefix(first, second)
    assert first[:length] == second[:length]
    assert first[length : length + 1] != second[length : length + 1] or length in (
        len(first),
        len(second),
    )
    assert length >= len(same)
