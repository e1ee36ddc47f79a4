"""How sure a reader is, fitted to how often it is right."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from backends.base import ReaderCurve
from bot.answering.reader_calibration import apply_curve, fit_curve
from bot.errors import UsageError

Readings = Sequence[tuple[float, bool]]


def fitted(readings: Readings) -> ReaderCurve:
    return fit_curve(readings, made_from="golden.yaml", made_on="2026-11-29")


def test_without_a_curve_the_share_is_taken_as_it_is() -> None:
    assert [apply_curve(None, share) for share in (0.0, 0.3, 1.0)] == [0.0, 0.3, 1.0]


def test_a_timid_reader_is_believed_sooner() -> None:
    timid = [(0.3, True), (0.25, True), (0.35, True), (0.02, False), (0.04, False)] * 8
    curve = fitted(timid)
    assert apply_curve(curve, 0.25) > 0.8
    assert apply_curve(curve, 0.04) < 0.2


def test_a_reader_that_finds_an_answer_everywhere_is_believed_as_often_as_it_is_right() -> None:
    curve = fitted([(1.0, n % 4 == 0) for n in range(80)])
    assert apply_curve(curve, 1.0) == pytest.approx(0.25, abs=0.03)


def test_a_reader_that_is_never_wrong_gets_a_finite_curve() -> None:
    curve = fitted([(1.0, True), (0.0, False)] * 100)
    assert 1.0 <= curve.slope <= 6.0
    assert apply_curve(curve, 1.0) > 0.99
    assert apply_curve(curve, 0.0) < 0.01


def test_a_reader_that_is_surer_where_it_is_wrong_is_never_turned_upside_down() -> None:
    curve = fitted([(0.9, False), (0.1, True)] * 40)
    assert curve.slope > 0
    assert 0.3 < apply_curve(curve, 0.1) <= apply_curve(curve, 0.9) < 0.7


def test_a_curve_says_how_it_was_made() -> None:
    curve = fitted([(0.9, True), (0.2, False), (0.1, False)] * 10)
    assert (curve.made_from, curve.made_on) == ("golden.yaml", "2026-11-29")
    assert (curve.questions, curve.answerable) == (30, 10)


@pytest.mark.parametrize(
    "readings", [[(0.9, True), (0.1, False)] * 9, [(0.9, True)] * 40, [(0.1, False)] * 40]
)
def test_too_few_questions_of_a_kind_fit_nothing(readings: Readings) -> None:
    with pytest.raises(UsageError, match="at least 20 questions, of which 5"):
        fitted(readings)
