"""Ratings of models against numbers that were found in another way."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bot.duels.ratings import AVERAGE_RATING, POINTS_PER_STRENGTH, PairVotes, Rating, rate


def by_model(pairs: list[PairVotes]) -> dict[str, Rating]:
    return {one.model: one for one in rate(pairs)}


@pytest.mark.parametrize(
    ("won", "lost", "tied"), [(7, 3, 0), (7, 3, 4), (5, 0, 0), (0, 0, 3), (400, 100, 0)]
)
def test_two_models_are_as_far_apart_as_the_corrected_log_odds(
    won: int, lost: int, tied: int
) -> None:
    """Of two models the rating is known in closed form: the logarithm of the odds, with half a win
    added to each side, and its variance is the sum of the reciprocals (Woolf)."""
    found = by_model([PairVotes("x", "y", won, lost, tied)])
    for_x, for_y = won + tied / 2 + 0.5, lost + tied / 2 + 0.5
    apart = 400 * math.log10(for_x / for_y)
    error = 400 / math.log(10) * math.sqrt(1 / for_x + 1 / for_y)
    assert found["x"].rating - found["y"].rating == pytest.approx(apart, abs=1e-6)
    assert found["x"].rating + found["y"].rating == pytest.approx(2 * AVERAGE_RATING)
    for one in found.values():  # each is half of the difference away from the average
        assert one.high - one.rating == pytest.approx(1.959964 * error / 2, rel=1e-6)
        assert one.rating - one.low == pytest.approx(1.959964 * error / 2, rel=1e-6)


def test_three_models_whose_every_pair_has_the_odds_of_their_strengths() -> None:
    """With 1, 2 and 4 as strengths and 60 votes a pair, the votes that are expected lead back to
    these strengths, but for the added ties."""
    strength = {"x": 1.0, "y": 2.0, "z": 4.0}
    pairs = []
    for one, other in (("x", "y"), ("x", "z"), ("y", "z")):
        share = strength[one] / (strength[one] + strength[other])
        pairs.append(PairVotes(one, other, 6e6 * share, 6e6 * (1 - share)))
    found = by_model(pairs)
    assert [one.model for one in rate(pairs)] == ["z", "y", "x"]
    twice = 400 * math.log10(2)
    assert found["z"].rating - found["y"].rating == pytest.approx(twice, abs=0.01)
    assert found["y"].rating - found["x"].rating == pytest.approx(twice, abs=0.01)


def test_which_side_a_model_stood_on_makes_no_difference() -> None:
    one = rate([PairVotes("x", "y", 5, 2, 1), PairVotes("y", "z", 4, 4)])
    other = rate([PairVotes("y", "x", 2, 5, 1), PairVotes("z", "y", 4, 4)])
    assert one == other


def test_models_that_never_met_and_never_lost_have_a_rating_and_a_wide_range() -> None:
    found = by_model([PairVotes("x", "y", 3, 0), PairVotes("v", "w", 0, 3)])
    assert set(found) == {"v", "w", "x", "y"}
    for one in found.values():
        assert math.isfinite(one.rating)
        assert one.high - one.low > 300
    assert found["x"].rating == pytest.approx(found["w"].rating)
    assert found["y"].rating == pytest.approx(found["v"].rating)


def test_more_votes_make_the_range_narrower() -> None:
    few = by_model([PairVotes("x", "y", 6, 4)])["x"]
    many = by_model([PairVotes("x", "y", 600, 400)])["x"]
    assert many.high - many.low < (few.high - few.low) / 5


def test_without_votes_there_is_nothing() -> None:
    assert rate([]) == []


def test_the_ranges_hold_the_strengths_that_the_votes_came_from() -> None:
    """200 boards of five models, 60 votes a pair, of which 95 % of the ranges should hold the true
    rating; the seed is fixed, so this is always the same number."""
    dice = np.random.default_rng(7)
    strengths = np.array([-0.8, -0.3, 0.0, 0.3, 0.8])
    held = 0
    for _ in range(200):
        pairs = []
        for i in range(5):
            for j in range(i + 1, 5):
                odds = 1 / (1 + math.exp(strengths[j] - strengths[i]))
                won = int(dice.binomial(60, odds))
                pairs.append(PairVotes(str(i), str(j), won, 60 - won))
        for one in rate(pairs):
            truth = AVERAGE_RATING + POINTS_PER_STRENGTH * strengths[int(one.model)]
            held += one.low <= truth <= one.high
    assert 0.93 <= held / 1000 <= 0.97
