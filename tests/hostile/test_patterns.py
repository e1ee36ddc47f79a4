"""No pattern of ours takes more than linear time, whatever it is given."""

from __future__ import annotations

import ast
import re

import pytest

from tests.hostile.lint import complaint
from tests.hostile.patterns import Found, Source, _in_calls, collect
from tests.hostile.texts import TEXTS
from tests.hostile.trial import hanging


def test_every_pattern_ends_on_its_worst_input() -> None:
    patterns = collect()
    assert len(patterns) > 200, "the collection lacks some"
    assert [str(one) for one in hanging(patterns, TEXTS)] == []


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        pytest.param(  # a cell of a table as it was once told from words: quadratic
            r"[-+−–~<>≤≥±]?\s*[€$£¥]?\s*\d[\d\s.,:/’'T-]*\s*(?:%|[^\W\d_]{1,3}|[€$£¥])?",
            "fullmatch",
            id="two repeats that share characters",
        ),
        pytest.param(r"[ \t]+\n", "sub", id="begun anew at every place of a run"),
        pytest.param(r"(?is)<title[^>]*>(.*?)</title>", "search", id="an end that never comes"),
        pytest.param(r"(?:\w+\s?)+:", "match", id="a repeat of a repeat"),
    ],
)
def test_a_pattern_that_backtracks_is_found(pattern: str, method: str) -> None:
    made = Found("here", re.compile(pattern), frozenset({method}))
    assert [one.found for one in hanging([made], seconds=1)] == [made]


@pytest.mark.parametrize("pattern", [r"\s*\s*\s*x", r"(?:\w+\s?)+:", r"a++(b+)+$"])
def test_the_linter_complains_of_a_catastrophic_pattern(pattern: str) -> None:
    assert "here" in complaint(Found("here", re.compile(pattern)))


@pytest.mark.parametrize("pattern", [r"\s*+\s*\s*+x", r"(?>\w+)\s\w+:", r"(?:a++b)+"])
def test_the_linter_knows_what_gives_nothing_back(pattern: str) -> None:
    assert complaint(Found("here", re.compile(pattern))) == ""


def test_a_pattern_that_is_made_in_a_function_is_not_passed_over() -> None:
    source = Source("bot/surrogates.py")
    source.__dict__["tree"] = ast.parse("def f(words):\n    return re.compile('|'.join(words))")
    with pytest.raises(NameError):
        list(_in_calls(source, [source]))
