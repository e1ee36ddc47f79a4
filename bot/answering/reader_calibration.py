"""Fits how sure a reader is to how often it is right, on questions with known answers.

A model that is held to copied text gives `NONE` a share of its first choice. Models differ in what
that share means: one is timid, another finds an answer everywhere. So a curve of two numbers is
fitted for each (`parlance docs eval --calibrate`); without one the share is taken as it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from backends.base import ReaderCurve
from bot.catalogue.sentence import say
from bot.errors import UsageError

MIN_CALIBRATION_QUESTIONS: Final = 20
"""The fewest questions that a curve is fitted on."""
_MIN_EACH_KIND = 5
_MAX_LOGIT = 6.0
"""Shares nearer to 0 and 1 than this tell nothing more."""
_PRIOR_WEIGHT = 0.5
"""How strongly the curve is drawn towards the share as it is; keeps it finite where a reader makes
no mistake."""
_MIN_SLOPE = 0.05
_MAX_CURVATURE = 0.25
_STEPS = 500


def apply_curve(curve: ReaderCurve | None, share: float) -> float:
    """Returns the probability, 0 to 1, that a reader that gives an answer this share is right."""
    if curve is None:
        return share
    return _sigmoid(curve.slope * _logit(share) + curve.bias)


def fit_curve(
    readings: Sequence[tuple[float, bool]], *, made_from: str, made_on: str
) -> ReaderCurve:
    """Fits a curve to pairs of the share that an answer was given and whether the passages have
    one. Raises `UsageError` for too few."""
    having = sum(has for _, has in readings)
    fewest = min(having, len(readings) - having)
    if len(readings) < MIN_CALIBRATION_QUESTIONS or fewest < _MIN_EACH_KIND:
        raise UsageError(
            say(
                "A reader is calibrated on at least {questions} questions, of which {each} have an "
                "answer in the documents and {each} have none.",
                questions=MIN_CALIBRATION_QUESTIONS,
                each=_MIN_EACH_KIND,
            )
        )
    points = [(_logit(share), float(has)) for share, has in readings]
    steepest = _PRIOR_WEIGHT + _MAX_CURVATURE * sum(x * x for x, _ in points)
    flattest = _PRIOR_WEIGHT + _MAX_CURVATURE * len(points)
    slope, bias = 1.0, 0.0
    for _ in range(_STEPS):  # with an upper bound of the curvature no step goes too far
        drawn = _PRIOR_WEIGHT * (slope - 1.0)
        drawn += sum((_sigmoid(slope * x + bias) - y) * x for x, y in points)
        slope = max(_MIN_SLOPE, slope - drawn / steepest)
        drawn = _PRIOR_WEIGHT * bias
        drawn += sum(_sigmoid(slope * x + bias) - y for x, y in points)
        bias -= drawn / flattest
    return ReaderCurve(
        round(slope, 4), round(bias, 4), made_from, made_on, len(readings), int(having)
    )


def _logit(share: float) -> float:
    low = _sigmoid(-_MAX_LOGIT)
    held = max(low, min(1.0 - low, share))
    return math.log(held / (1.0 - held))


def _sigmoid(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, value))))
