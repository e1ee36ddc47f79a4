"""Pieces of text: no torn character, nothing of a stop string."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.llama_cpp.text import TextStream

TEXT = st.text(alphabet=st.sampled_from("abé🦙日\n <|"), max_size=40)


def cut(raw: bytes, sizes: list[int]) -> list[bytes]:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(raw[at : at + size])
        at += size
    return [*pieces, raw[at:]]


@given(TEXT, st.lists(st.integers(0, 5)))
def test_pieces_join_to_the_whole_text(text: str, sizes: list[int]) -> None:
    stream = TextStream()
    pieces = [stream.feed(piece) for piece in cut(text.encode(), sizes)]
    assert "".join([*pieces, stream.flush()]) == text
    assert not any("\ufffd" in piece for piece in pieces)


@given(TEXT, st.text(alphabet="abé🦙日<|", min_size=1, max_size=4), st.lists(st.integers(0, 5)))
def test_a_stop_string_ends_the_text_wherever_the_borders_fall(
    text: str, stop: str, sizes: list[int]
) -> None:
    stream = TextStream([stop])
    shown = "".join(stream.feed(piece) for piece in cut(text.encode(), sizes)) + stream.flush()
    assert shown == text.split(stop)[0]
    assert stream.stopped is (stop in text)


def test_what_may_begin_a_stop_string_is_held_back_and_then_released() -> None:
    stream = TextStream(["</end>"])
    assert stream.feed(b"a </e") == "a "
    assert stream.feed(b"xit") == "</exit"
    assert stream.feed(b" <") == " "
    assert stream.flush() == "<"


@pytest.mark.parametrize("stops", [["abc", "b"], ["b", "abc"]])
def test_several_stop_strings(stops: list[str]) -> None:
    stream = TextStream(stops)
    assert stream.feed(b"xxabc") == "xx"
    assert stream.stopped


def test_a_character_that_never_ends_is_left_out() -> None:
    stream = TextStream()
    assert stream.feed("é".encode() + "🦙".encode()[:2]) == "é"
    assert stream.flush() == ""


def test_a_lead_comes_before_the_first_text_and_hides_no_stop_string() -> None:
    stream = TextStream(["think"], lead="<think>")
    assert stream.feed(b"") == ""
    assert stream.feed(b"hm ") == "<think>hm "
    assert stream.feed(b"x thinking") == "x "
    assert stream.stopped
