"""What people and places may have done with tools on a day: steps, seconds of the machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from bot.catalogue.sentence import say
from bot.errors import Refused
from bot.history.daily_use import LimitReached
from bot.skills.context import Context

_MINUTE_S: Final = 60


async def require_budget(ctx: Context) -> None:
    """Raise `Refused`, with when it starts anew, where a person or a place has done as much with
    tools today as they may. Admins may do more."""
    use = ctx.services.daily_use
    if use is None or ctx.asker.admin:
        return
    if reached := await use.reached(*_whose(ctx)):
        raise Refused(_words(reached))


class StepMeter:
    """Counts the steps of a turn, and the seconds that the model and the tools worked in them."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._seconds = 0.0
        self._begun = False
        self._uncounted = 0
        """Steps that were done and are not counted yet."""

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the time of the block, without that in which the model had others to answer."""
        began, waited = time.monotonic(), self._waited_s
        try:
            yield
        finally:
            lasted = time.monotonic() - began - (self._waited_s - waited)
            self._seconds += max(0.0, lasted)

    async def take_step(self) -> str:
        """Count a step before it is done. Returns why it may not be done, or an empty text.

        The first is counted with what comes after it, as most answers are one step alone: nobody
        waits for a transaction then.
        """
        if (use := self._ctx.services.daily_use) is None:
            return ""
        if self._begun:
            done, self._uncounted = self._uncounted, 0
            seconds = self._take_seconds()
            reached = await use.add(*_whose(self._ctx), steps=1, seconds=seconds, done=done)
        else:
            self._begun = True
            reached = await use.reached(*_whose(self._ctx))
            self._uncounted = int(reached is None)
        return "" if reached is None or self._ctx.asker.admin else _words(reached)

    def close(self) -> None:
        """Count what has not been counted yet."""
        done, seconds = self._uncounted, self._take_seconds()
        if (done or seconds) and (use := self._ctx.services.daily_use) is not None:
            use.add_later(*_whose(self._ctx), done=done, seconds=seconds)

    @property
    def _waited_s(self) -> float:
        usage = self._ctx.record.usage
        return (usage.queue_s or 0.0) if usage is not None else 0.0

    def _take_seconds(self) -> float:
        seconds, self._seconds = self._seconds, 0.0
        return seconds


def _whose(ctx: Context) -> tuple[str, str]:
    return ctx.author.key, ctx.conversation.scope("channel")


def _words(reached: LimitReached) -> str:
    left = max(_MINUTE_S, (reached.anew_at - datetime.now(UTC)).total_seconds())
    hours, minutes = divmod(round(left / _MINUTE_S), 60)
    wait = say("{hours} h {minutes} min", hours=hours, minutes=minutes)
    if reached.whose == "person":
        return say(
            "You have used up what I may do with tools for you today; it starts anew at 00:00 UTC, "
            "in {wait}.",
            wait=wait,
        )
    return say(
        "What I may do with tools here today is used up; it starts anew at 00:00 UTC, in {wait}.",
        wait=wait,
    )
