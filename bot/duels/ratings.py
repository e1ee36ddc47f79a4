"""Rates models by the votes on pairs of them, with intervals.

The model is that of Bradley and Terry: the odds that i is found better than j are exp(s_i - s_j)
for strengths s. A tie counts as half a win for each. Every model is given one tie more, spread
evenly over its n - 1 opponents, so that one that never lost, or never met another, has a finite
rating and a wide interval; for two models this is Anscombe's correction of the log odds.

The likelihood's maximum is found by Newton's method; the intervals are 95 % of a normal
distribution with the inverse of the information matrix as its covariance. There is no chance in it:
the same votes give the same numbers.

Sources: R. A. Bradley and M. E. Terry, "Rank analysis of incomplete block designs: I", Biometrika
39 (1952); F. J. Anscombe, "On estimating binomial response relations", Biometrika 43 (1956);
D. R. Hunter, "MM algorithms for generalized Bradley-Terry models", Annals of Statistics 32 (2004);
W.-L. Chiang et al., "Chatbot Arena", arXiv:2403.04132 (2024), for votes on answers of models.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

AVERAGE_RATING: Final = 1000.0
POINTS_PER_STRENGTH: Final = 400 / math.log(10)
"""Points of the chess scale for a difference of one in the logarithm of the odds."""
_Z_95: Final = 1.959964
_MAX_STEPS: Final = 100
_TOLERANCE: Final = 1e-10

_Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PairVotes:
    """How many votes a pair of models got: for the first, for the second, for neither."""

    one: str
    other: str
    one_won: float
    other_won: float
    tied: float = 0.0


@dataclass(frozen=True, slots=True)
class Rating:
    """A model's rating in points, and between which it is with 95 % certainty."""

    model: str
    rating: float
    low: float
    high: float


def rate(pairs: Sequence[PairVotes]) -> list[Rating]:
    """Rate every model that is in a pair, the best first; equals by name."""
    names = sorted({name for pair in pairs for name in (pair.one, pair.other)})
    if len(names) < 2:
        return []
    wins = _wins(pairs, names)
    strengths = _fit(wins)
    covariance = np.linalg.pinv(_information(wins, strengths), hermitian=True)
    errors = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    found = [
        Rating(
            name,
            AVERAGE_RATING + POINTS_PER_STRENGTH * strength,
            AVERAGE_RATING + POINTS_PER_STRENGTH * (strength - _Z_95 * error),
            AVERAGE_RATING + POINTS_PER_STRENGTH * (strength + _Z_95 * error),
        )
        for name, strength, error in zip(names, strengths.tolist(), errors.tolist(), strict=True)
    ]
    return sorted(found, key=lambda one: (-one.rating, one.model))


def _wins(pairs: Sequence[PairVotes], names: Sequence[str]) -> _Matrix:
    """How often the model of a row was found better than that of a column, with the added ties."""
    at = {name: number for number, name in enumerate(names)}
    wins = np.full((len(names), len(names)), 0.5 / (len(names) - 1))
    for pair in pairs:
        one, other = at[pair.one], at[pair.other]
        wins[one, other] += pair.one_won + pair.tied / 2
        wins[other, one] += pair.other_won + pair.tied / 2
    np.fill_diagonal(wins, 0.0)
    return wins


def _fit(wins: _Matrix) -> _Matrix:
    """The strengths that make the votes likeliest; their sum is 0."""
    strengths = np.zeros(len(wins))
    likelihood = _log_likelihood(wins, strengths)
    for _ in range(_MAX_STEPS):
        expected = (wins + wins.T) * _odds(strengths)
        gradient = (wins - expected).sum(axis=1)
        step = np.linalg.pinv(_information(wins, strengths), hermitian=True) @ gradient
        if np.abs(step).max() < _TOLERANCE:
            break
        while (tried := _log_likelihood(wins, strengths + step)) < likelihood:
            step /= 2
            if np.abs(step).max() < _TOLERANCE:
                return strengths
        strengths, likelihood = strengths + step, tried
    return np.asarray(strengths - strengths.mean())


def _odds(strengths: _Matrix) -> _Matrix:
    """How likely the model of a row is found better than that of a column."""
    difference = strengths[:, None] - strengths[None, :]
    return np.asarray(1 / (1 + np.exp(-difference)))


def _log_likelihood(wins: _Matrix, strengths: _Matrix) -> float:
    difference = strengths[:, None] - strengths[None, :]
    return float(-(wins * np.logaddexp(0.0, -difference)).sum())


def _information(wins: _Matrix, strengths: _Matrix) -> _Matrix:
    """The information that the votes hold of the strengths: minus the second derivatives."""
    odds = _odds(strengths)
    weights = (wins + wins.T) * odds * odds.T
    np.fill_diagonal(weights, 0.0)
    return np.diag(weights.sum(axis=1)) - weights
