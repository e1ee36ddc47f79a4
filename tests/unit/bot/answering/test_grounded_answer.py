from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from bot.api import CitationFilter, Passage, source


def through(text: str, passages: int, cuts: list[int] | None = None) -> tuple[str, set[int]]:
    citations = CitationFilter(passages)
    places = sorted({0, len(text), *(c % (len(text) + 1) for c in cuts or [])})
    pieces = [text[a:b] for a, b in itertools.pairwise(places)]
    return "".join(map(citations.feed, pieces)) + citations.finish(), citations.cited


def test_good_citations_stay_and_others_go() -> None:
    assert through("One [1]. Two [3] three [0] four [12].", 2) == (
        "One [1]. Two three four.",
        {1},
    )
    assert through("Both [1, 2] and [2,9] or [8; 9].", 2) == ("Both [1][2] and [2] or.", {1, 2})


def test_other_brackets_are_text() -> None:
    text = "list[int] and [a link](x) and [ ] and `names[7]`"
    assert through(text, 2) == (text, set())


def test_an_open_bracket_at_the_end_is_not_lost_or_left_open() -> None:
    assert through("see [", 2)[0] == "see ["
    assert through("see [1", 2)[0] == "see"


@given(
    st.lists(st.sampled_from(["a", " ", "[", "1", "9", ",", "]", " [9]", "[1]"])).map("".join),
    st.lists(st.integers(0, 60), max_size=20),
)
def test_how_the_stream_is_cut_makes_no_difference(text: str, cuts: list[int]) -> None:
    whole, cited = through(text, 2)
    assert through(text, 2, cuts) == (whole, cited)
    assert cited <= {1, 2}


def test_a_source_shows_no_path_of_the_machine() -> None:
    path, folder = "/srv/parlance/docs/logs.md", "/srv/parlance"
    here = Passage("p", "d", "Logs", path, "", "Logs rotate.", source=folder)
    alone = Passage("p", "d", "Logs", path, "", "Logs rotate.", source=path)
    page = Passage("p", "d", "Logs", "https://example.com/a/b/logs", "", "Logs rotate.")
    assert source(1, here).location == "docs/logs.md"
    assert source(1, alone).location == "logs.md"
    assert source(1, page).location == "https://example.com/a/b/logs"
