"""No pattern of ours takes more than linear time, whatever it is given."""

from __future__ import annotations

import re

import pytest

from tests.hostile.patterns import Found, collect
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
