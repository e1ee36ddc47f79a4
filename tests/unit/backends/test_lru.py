"""The dictionary of bounded size."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backends.lru import LruDict


def test_what_was_written_or_read_longest_ago_is_dropped() -> None:
    held: LruDict[str, int] = LruDict(3)
    for number, key in enumerate("abc"):
        held[key] = number
    assert held.get("a") == 0
    held["b"] = 7
    held["d"] = 8
    assert dict(held.items()) == {"a": 0, "b": 7, "d": 8}
    assert held.get("c") is None


def test_a_look_at_what_is_there_is_no_reading() -> None:
    held: LruDict[str, int] = LruDict(2)
    held["a"] = 1
    held["b"] = 2
    assert "a" in held
    assert list(held.items()) == [("a", 1), ("b", 2)]
    held["c"] = 3
    assert "a" not in held


def test_a_key_that_is_removed_makes_room() -> None:
    held: LruDict[str, None] = LruDict(2)
    held["a"] = None
    held["b"] = None
    assert held.pop("b") is None
    assert held.pop("b") is None
    held["c"] = None
    assert "a" in held


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans())), st.integers(1, 5))
def test_it_never_holds_more_and_always_the_latest(
    steps: list[tuple[int, bool]], most: int
) -> None:
    held: LruDict[int, int] = LruDict(most)
    used: list[int] = []
    for key, is_read in steps:
        if not is_read:
            held[key] = key
        elif held.get(key) is None:
            continue
        used = [*(one for one in used if one != key), key][-most:]
        assert [found for found, _ in held.items()] == used
        assert len(held) <= most
