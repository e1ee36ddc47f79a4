"""Tells each waiting request where it stands in the queue, at most once in a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from backends.base import Progress
from backends.pool.replica import Replica
from backends.pool.ticket import Ticket
from backends.pool.wait_forecast import forecast_starts


class QueueAnnouncer:
    """`order` returns everybody who waits, in order of service."""

    def __init__(
        self, replicas: Sequence[Replica], interval_s: float, order: Callable[[], list[Ticket]]
    ) -> None:
        self._replicas = replicas
        self._interval_s = interval_s
        self._order = order
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def announce_soon(self) -> None:
        """Announce after the interval, unless that is to happen already."""
        if self._timer is None and not self._closed:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._interval_s, self._announce_later)

    def announce(self) -> None:
        """Tell each ticket its position and its expected wait, where they have changed."""
        order = self._order()
        sizes = [(ticket.prompt_tokens, ticket.max_tokens) for ticket in order]
        waits = forecast_starts(self._replicas, sizes)
        for at, (ticket, wait_s) in enumerate(zip(order, waits, strict=True)):
            told = ticket.progress
            if (
                told is None
                or told.position != at + 1
                or abs((told.wait_s or 0.0) - wait_s) > max(2.0, wait_s / 4)
            ):
                ticket.progress = Progress("queued", position=at + 1, wait_s=round(wait_s, 1))
                ticket.news.set()

    def close(self) -> None:
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()

    def _announce_later(self) -> None:
        self._timer = None
        self.announce()
