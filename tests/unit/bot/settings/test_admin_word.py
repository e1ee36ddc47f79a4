"""A word that the operator is shown makes whoever writes it an admin, once and for ten minutes."""

from __future__ import annotations

import re

import pytest

from bot.settings.admin_word import LIFETIME_S, AdminWord
from bot.turns.core import Policy
from bot.types import Author
from tests.fakes.core import ADA, BOB, Bench
from tests.fakes.skills import CHAT


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_it_can_be_read_aloud_and_is_another_each_time() -> None:
    words = {AdminWord().offer() for _ in range(50)}
    assert len(words) == 50
    assert all(re.fullmatch(r"([bdfgklmnprstvz][aeiou]){7}", word) for word in words)


@pytest.mark.parametrize("around", ["{}", " {} ", "`{}`", "**{}**", "“{}”.", "<b>{}"])
def test_it_is_known_as_people_write_it(around: str) -> None:
    made = AdminWord()
    word = made.offer()
    assert made.fits(around.format(word)) is ("b" not in around)
    assert made.fits(word.upper())
    assert not made.fits(f"the word is {word}")
    assert not made.fits(word[:-1])


@pytest.mark.parametrize("text", ["", "***", "ä" * 30, "x" * 1_000_000])
def test_nothing_else_is_taken_for_it(text: str) -> None:
    made = AdminWord()
    assert not made.fits(text)
    made.offer()
    assert not made.fits(text)


def test_it_works_once_and_for_ten_minutes() -> None:
    clock = Clock()
    made = AdminWord(clock)
    word = made.offer()
    clock.now += LIFETIME_S - 1
    assert made.fits(word)
    clock.now += 2
    assert not made.fits(word)
    word, earlier = made.offer(), word
    assert not made.fits(earlier)
    made.take(ADA)
    assert not made.fits(word)
    assert made.heard_from == ADA
    assert made.has_made(ADA)
    assert not made.has_made(BOB)
    made.offer()
    assert made.has_made(ADA)
    made.withdraw()
    assert not made.is_open


class TestCore:
    @pytest.fixture
    def word(self) -> AdminWord:
        return AdminWord()

    @pytest.fixture
    def bench(self, word: AdminWord) -> Bench:
        def is_admin(author: Author) -> bool:
            return word.has_made(author)

        return Bench([CHAT], policy=Policy(is_admin=is_admin, admin_word=word))

    async def test_who_writes_it_is_an_admin_and_told_alone(
        self, bench: Bench, word: AdminWord
    ) -> None:
        sink = await bench.begin(bench.message(word.offer()))
        view = await sink.end()
        (notice,) = view.notices
        assert notice.private
        assert notice.text.startswith("Thank you: you are an admin now.")
        assert word.heard_from == ADA
        assert not bench.backend.requests

    async def test_the_same_message_delivered_again_is_no_question(
        self, bench: Bench, word: AdminWord
    ) -> None:
        message = bench.message(word.offer(), id="e-word")
        await bench.say(message)
        again = await bench.begin(message)
        await bench.core.close()
        assert not bench.backend.requests
        assert "finish" not in again.steps or not again.view.text

    async def test_a_second_person_comes_too_late(self, bench: Bench, word: AdminWord) -> None:
        said = word.offer()
        await bench.say(bench.message(said))
        await bench.say(bench.message(said, author=BOB))
        assert not word.has_made(BOB)
        assert bench.backend.requests  # to the model it is a message like any other
