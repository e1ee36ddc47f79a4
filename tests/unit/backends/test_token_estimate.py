"""Estimates of tokens: cautious at first, and taught only by counts that can be true."""

from __future__ import annotations

import pytest

from backends.base import ChatMessage
from backends.token_estimate import TokenEstimator


def prompt(text: str) -> list[ChatMessage]:
    return [ChatMessage("user", text)]


ENGLISH = "The keeper of the light counted the ships and went to sleep. " * 40
CHINESE = "灯塔看守人数了数船只,然后睡着了。" * 40
RUSSIAN = "The light. " * 4 + "Смотритель маяка пересчитал корабли и заснул. " * 40


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [(ENGLISH, 520, 800), (CHINESE, 480, 900), (RUSSIAN, 440, 1_400)],
    ids=["English", "Chinese", "Russian"],
)
def test_the_first_estimate_is_cautious_in_every_script(text: str, least: int, most: int) -> None:
    assert least <= TokenEstimator().count(prompt(text)) <= most


@pytest.mark.parametrize("text", [ENGLISH, CHINESE, RUSSIAN], ids=["English", "Chinese", "Russian"])
@pytest.mark.parametrize("true_share", [0.001, 0.02, 0.1, 0.2, 50.0])
def test_a_count_that_cannot_be_true_teaches_nothing(text: str, true_share: float) -> None:
    guess = TokenEstimator()
    before = guess.count(prompt(text))
    for _ in range(20):
        guess.learn(prompt(text), int(before * true_share))
    assert guess.count(prompt(text)) == before


def test_a_dense_vocabulary_of_another_script_is_learnt() -> None:
    guess = TokenEstimator()
    true = len(RUSSIAN) // 3
    for _ in range(40):
        guess.learn(prompt(RUSSIAN), true)
    assert abs(guess.count(prompt(RUSSIAN)) - true) < 0.1 * true


def test_too_low_an_estimate_is_mended_at_once_and_too_high_a_one_slowly() -> None:
    low, high = TokenEstimator(), TokenEstimator()
    start = low.count(prompt(ENGLISH))
    low.learn(prompt(ENGLISH), 2 * start)
    high.learn(prompt(ENGLISH), round(0.7 * start))
    assert low.count(prompt(ENGLISH)) > 1.4 * start
    assert 0.9 * start < high.count(prompt(ENGLISH)) < start


def test_a_drawn_line_is_a_few_tokens_and_not_a_thousand() -> None:
    guess = TokenEstimator()
    assert guess.count(prompt("=" * 4_000 + "\n" + " " * 4_000)) < 50
