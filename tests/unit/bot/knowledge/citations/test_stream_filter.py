from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.knowledge.citations.stream_filter import CitationFilter

PASSAGES = 3


def through(text: str, cuts: list[int] | None = None) -> tuple[str, set[int]]:
    citations = CitationFilter(PASSAGES)
    places = sorted({0, len(text), *(c % (len(text) + 1) for c in cuts or [])})
    pieces = [text[a:b] for a, b in itertools.pairwise(places)]
    return "".join(map(citations.feed, pieces)) + citations.finish(), citations.cited


@pytest.mark.parametrize(
    ("written", "shown", "cited"),
    [
        ("One [1].", "One [1].", {1}),
        ("Two [4].", "Two.", set()),
        ("Zero [0], many [12345678].", "Zero, many.", set()),
        ("List [1, 3; 9].", "List [1][3].", {1, 3}),
        ("Range [1-3], [2–7].", "Range [1][2][3], [2][3].", {1, 2, 3}),
        ("Note [^2] and 【3†source】 【9】.", "Note [2] and [3].", {2, 3}),
        ("Wide 【2】.", "Wide [2].", {2}),
        ("Full ［2］, ［7］, ［1，2］.", "Full [2],, [1][2].", {1, 2}),
        ("word[2]word[7]word", "word[2]wordword", {2}),
        ("a [link](http://x) [x] [ ] []", "a [link](http://x) [x] [ ] []", set()),
        ("`rows[7]` but [7]", "`rows[7]` but", set()),
        ("```\nrows[7] = a[0][1]\n```\n[2]", "```\nrows[7] = a[0][1]\n```\n[2]", {2}),
        ("a `[7]` b", "a `` b", set()),
        ("[[9]7]", "[7", set()),
        ("[[9]2]", "[2]", {2}),
        ("open [", "open [", set()),
        ("open [1", "open", set()),
        ("end  ", "end  ", set()),
        ("x [" + "1" * 60 + "] y", "x y", set()),
    ],
)
def test_what_comes_out(written: str, shown: str, cited: set[int]) -> None:
    assert through(written) == (shown, cited)


PIECES = [
    "a",
    " ",
    "[",
    "]",
    "【",
    "】",
    "［",
    "］",
    "=",
    "1",
    "9",
    ",",
    "-",
    "^",
    "[9]",
    " [9]",
    "[1]",
    "`",
    "\n",
]


@given(st.lists(st.sampled_from(PIECES)).map("".join), st.lists(st.integers(0, 80), max_size=20))
def test_how_the_stream_is_cut_makes_no_difference(text: str, cuts: list[int]) -> None:
    assert through(text, cuts) == through(text)


@given(st.lists(st.sampled_from([piece for piece in PIECES if piece != "`"])).map("".join))
def test_no_citation_of_a_passage_that_was_not_given_comes_out(text: str) -> None:
    shown, cited = through(text)
    numbers = {int(number) for number in re.findall(r"[\[【［]\s*(\d+)\s*[\]】］]", shown)}
    assert numbers <= set(range(1, PASSAGES + 1))
    assert numbers <= cited


@given(st.text("a[]12 ,-`", max_size=60))
def test_little_is_held_back(text: str) -> None:
    citations = CitationFilter(PASSAGES)
    for character in text:
        citations.feed(character)
    assert citations.feed("z" * 3).endswith("zzz"), "a letter shows everything before it"


def test_a_list_in_code_is_no_citation() -> None:
    code = '```py\nports = [8080, 9]\nrows = [[1, 9], [7]]\nf([5], {"a": [9]})\n```\n'
    assert through(f"{code}So [2].") == (f"{code}So [2].", {2})
    assert through("`x=[9]` [1]") == ("`x=[9]` [1]", {1})
    assert through("```\nas it says [9]\n```") == ("```\nas it says\n```", set())
