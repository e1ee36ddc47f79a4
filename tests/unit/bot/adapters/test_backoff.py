"""The pauses between connections to a platform."""

from __future__ import annotations

from bot.adapters.backoff import Backoff
from bot.adapters.slack import Timing


def test_it_grows_up_to_its_cap() -> None:
    backoff = Backoff(0.5, 8.0)
    waits = [backoff.delay() for _ in range(15)]
    assert 0.25 <= waits[0] <= 0.5
    assert all(wait <= 8.0 for wait in waits)
    assert min(waits[5:]) >= 4.0


def test_only_a_connection_that_opens_starts_it_anew() -> None:
    backoff = Backoff(0.5, 8.0)
    for _ in range(10):
        backoff.delay()
    assert backoff.delay() >= 4.0
    backoff.record_opened()
    assert backoff.delay() <= 0.5


def test_sessions_that_break_at_once_are_not_opened_by_the_thousand() -> None:
    backoff = Backoff(0.5, 8.0)
    waited = 0.0
    for _ in range(1000):
        backoff.record_opened()
        waited += backoff.delay()
    assert waited > 14 * 3600


def test_sessions_that_break_without_a_pause_are_counted_too() -> None:
    backoff = Backoff(0.5, 8.0)
    for _ in range(20):
        backoff.record_opened()
    assert backoff.delay() >= 60.0


def test_sessions_that_are_resumed_do_not_count() -> None:
    backoff = Backoff(0.5, 8.0)
    for _ in range(30):
        backoff.record_resumed()
        assert backoff.delay() <= 0.5


def test_a_connection_that_was_brief_does_not_move_at_once() -> None:
    backoff = Backoff(0.5, 8.0)
    backoff.record_opened()
    assert backoff.delay(moving=True) > 0


def test_a_try_that_hangs_and_the_pause_after_it_take_less_than_ten_seconds() -> None:
    assert Timing().handshake + Timing().backoff_cap < 10
