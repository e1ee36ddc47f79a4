"""Figures in any notation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.knowledge.citations.numbers import find_figures


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1,234", "1.234", True),
        ("12,000", "12", False),
        ("1 000 000", "1 million", True),
        ("3万", "30,000", True),
        ("2:30 pm", "14:30", True),
        ("2:30 pm", "2:30", False),
        ("14.30 Uhr", "14:30", True),
        ("14 days", "2 weeks", True),
        ("14 days", "14 hours", False),
        ("50 %", "50 pour cent", True),
        ("50 %", "50 EUR", False),
        ("5 March", "03-05", False),
        ("March 5th", "5. März", True),
        ("3月5日", "5 de marzo", True),
        ("v1.10", "v1.1", False),
        ("2.50 EUR", "€2.5", True),
        ("10m", "10 minutes", True),
        ("7d", "7 days", True),
        ("31.3. fällig", "March 31", True),
    ],
)
def test_figures_are_the_same_however_they_are_written(one: str, other: str, same: bool) -> None:
    (a,), (b, *_) = find_figures(one), find_figures(other)
    assert a.same(b) is same


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("thirty-two euros", "32", "eur"),
        ("zweiunddreißig Euro", "32", "eur"),
        ("einundzwanzig Tage", "21", "day"),
        ("treinta y dos euros", "32", "eur"),
        ("veintidós días", "22", "day"),
        ("trente-deux euros", "32", "eur"),
        ("vingt et un jours", "21", "day"),
        ("otuz iki lira", "32", "try"),
        ("тридцать два рубля", "32", "rub"),
        ("пяти минут", "5", "min"),
        ("三十二元", "32", "cny"),
        ("一百零五天", "105", "day"),
        ("二百五十公里", "250", "km"),
    ],
)
def test_a_number_of_several_words_is_one_figure(text: str, value: str, unit: str) -> None:
    *_, found = find_figures(text, spelled=True)
    assert value in found.readings
    assert found.unit == unit


@pytest.mark.parametrize("text", ["He walked on", "Once more", "vingtaine"])
def test_a_word_that_is_a_number_in_another_language_is_none(text: str) -> None:
    assert find_figures(text, spelled=True) == []


@pytest.mark.parametrize("text", ["SHA256 and utf8", "a 3d print of 7zip", "step_2"])
def test_a_digit_in_a_word_is_no_figure(text: str) -> None:
    assert find_figures(text) == []


@given(st.text(st.sampled_from("0123 9.,:/-%€年月日点pmhk|;#*\nMarch 十två"), max_size=120))
def test_any_text_can_be_read_and_bears_itself_out(text: str) -> None:
    found = find_figures(text, spelled=True)
    assert all(0 <= one.start < one.end <= len(text) for one in found)
    assert all(one.same(one) for one in found)
