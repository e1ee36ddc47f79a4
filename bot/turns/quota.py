"""Limits how many turns a person may start in an hour."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from bot.catalogue.sentence import say
from bot.errors import Busy
from bot.turns.turn import Turn


class Quota:
    """A token bucket for each person: `per_hour` turns, refilled continuously.

    `limit` is the middleware that asks it.
    """

    def __init__(self, per_hour: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_turns = float(per_hour)
        self._seconds_per_turn = 3600 / per_hour
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, person: str) -> None:
        """Count one turn of a person (`Author.key`). Raises `Busy` if they have none left."""
        now = self._clock()
        while self._full_at and next(iter(self._full_at.values())) <= now:
            self._full_at.popitem(last=False)
        full_at = max(now, self._full_at.get(person, now)) + self._seconds_per_turn
        wait = full_at - now - self._max_turns * self._seconds_per_turn
        if wait > 1e-6:
            raise self._used_up(wait)
        self._full_at[person] = full_at
        self._full_at.move_to_end(person)

    async def count(self, person: str) -> None:
        """Count one turn of a person, wherever it is counted. Raises `Busy`."""
        self.take(person)

    def _used_up(self, wait_s: float) -> Busy:
        return Busy(
            wait_s,
            say(
                "You have used up your {number:.0f} questions an hour; try again in about {time}.",
                number=self._max_turns,
                time=_in_words(wait_s),
            ),
        )

    @asynccontextmanager
    async def limit(self, turn: Turn) -> AsyncIterator[None]:
        """Count a turn. Quick commands, turns of admins and resumed turns are not counted."""
        counts = turn.route is not None and not turn.route.quick and turn.resumed is None
        if counts and not turn.asker.admin:
            await self.count(turn.asker.author.key)
        yield


def _in_words(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} minutes"
