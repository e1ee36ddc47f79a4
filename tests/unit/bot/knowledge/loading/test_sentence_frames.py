"""Sentences as data: what comes back is what was written, and no template does more than show."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.catalogue.sentence import Sentence, join_sentences, say, say_number
from bot.knowledge.loading.sentence_frames import decode_sentence, encode_sentence

SENTENCES = (
    say("It is empty."),
    say("{name} is damaged or not {kind}.", name="a{0}.docx", kind=say("a DOCX")),
    say("{name!r} has {n:,} of {size:.1f} MB", name="x", n=12_000, size=2.25),
    say_number("{n:,} page", "{n:,} pages", 1_200),
    say_number("{n} page", "{n} pages", 1),
    join_sentences((say("One."), say("Two {n}.", n=2), "three")),
)


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_sentence_comes_back_as_it_was(sentence: Sentence) -> None:
    read = decode_sentence(json.loads(json.dumps(encode_sentence(sentence))))
    assert isinstance(read, Sentence)
    assert read == str.__str__(sentence)
    assert (read.key, read.plural, dict(read.values)) == (
        sentence.key,
        sentence.plural,
        dict(sentence.values),
    )


def test_other_text_is_no_sentence() -> None:
    read = decode_sentence(encode_sentence("a {plain} text"))
    assert (read, isinstance(read, Sentence)) == ("a {plain} text", False)


@pytest.mark.parametrize(
    "rest",
    [
        ["{a.__class__}", "", {"a": "x"}],
        ["{a[0]}", "", {"a": "x"}],
        ["{a:>999999999}", "", {"a": "x"}],
        ["{a:{b}}", "", {"a": "x", "b": ">9999"}],
        ["{0}", "", {"a": "x"}],
        ["{b}", "", {"a": "x"}],
        ["{a", "", {"a": "x"}],
        ["{a}" * 300, "", {"a": "x" * 1_000}],
        ["{n}", "{n.real}", {"n": 1}],
        ["{n}", "{n}s", {"n": "many"}],
        ["{n}", "{n}s", {}],
        ["{n:.0f}", "", {"n": float("nan")}],
        ["{n}", "", {"n": 10**400}],
        ["{a}", "", {str(n): "x" for n in range(50)} | {"a": "x"}],
        ["{a}", "", ["a"]],
        ["{a}"],
    ],
)
def test_a_hostile_sentence_is_no_more_than_its_text(rest: list[Any]) -> None:
    read = decode_sentence(["the text", *rest])
    assert (read, isinstance(read, Sentence)) == ("the text", False)


@pytest.mark.parametrize("written", [None, 7, {}, [], "x" * 9_999, ["x" * 9_999, "y", "", {}]])
def test_whatever_comes_is_a_short_text(written: Any) -> None:
    assert len(decode_sentence(written)) <= 1_000


def test_sentences_within_sentences_end_somewhere() -> None:
    written: Any = ["deep", "deep", "", {}]
    for depth in range(50):
        written = [f"text {depth}", "{a}", "", {"a": written}]
    read = decode_sentence(written)
    depth = 0
    while isinstance(read, Sentence):
        read, depth = read.values["a"], depth + 1
    assert (read, depth) == ("text 47", 2)
