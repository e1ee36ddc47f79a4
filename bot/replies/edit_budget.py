"""Shares what a platform takes of one method among all replies that are being written.

A platform counts the calls of a method for a workspace or a channel, not for a message. Edits of
unfinished answers wait for each other here; the first and the last view of an answer go before.
A budget may lie within another one: a channel's within that of the whole application.
"""

from __future__ import annotations

import asyncio
from collections import deque

import structlog

from backends.lru import LruDict
from bot.replies.call_rates import CallLimit, Rate

_log = structlog.get_logger(__name__)

MAX_STREAMED_REPLIES = 8
"""Open replies of a workspace whose text is shown while it is written; with more of them each
would be edited so seldom that it is quieter to show it when it is complete."""
_MAX_BUDGETS = 5000
_MAX_PAUSE_S = 300.0


class EditBudget:
    """A limit of calls, whose waiting calls are granted in order, ends before edits.

    What it grants counts `within` another budget, too. `open_replies` is the number of replies
    that are being written under it.
    """

    def __init__(self, limit: CallLimit, within: EditBudget | None = None) -> None:
        self._limit = limit
        self._meter = limit.meter()
        self._within = within
        self._not_before = 0.0
        self._ends: deque[asyncio.Future[None]] = deque()
        self._edits: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self.open_replies = 0

    @property
    def crowded(self) -> bool:
        """Whether too many replies are open for their text to be shown while it is written."""
        return self.open_replies > MAX_STREAMED_REPLIES

    @property
    def end_wait_s(self) -> float:
        """How long an end that is asked for now would wait, in seconds."""
        now = asyncio.get_running_loop().time()
        return max(0.0, self._not_before - now, self._meter.wait_s(now, len(self._ends) + 1))

    def edit(self) -> asyncio.Future[None]:
        """Ask for the edit of an unfinished answer; cancel it where it is not wanted any more."""
        return self._ask(is_edit=True)

    def end(self) -> asyncio.Future[None]:
        """Ask for a call that shows the first or the last view of an answer."""
        return self._ask(is_edit=False)

    def give_back(self) -> None:
        """Return a granted call that was not made."""
        self._uncount()
        if self._within is not None:
            self._within.give_back()

    def pause(self, seconds: float) -> None:
        """Grant nothing for so long, as the platform has refused a call as one too many."""
        now = asyncio.get_running_loop().time()
        self._not_before = max(self._not_before, now + min(seconds, _MAX_PAUSE_S))
        self._meter.pause(self._not_before)
        _log.info("reply.edits_paused", seconds=round(seconds, 1))

    def change(self, limit: CallLimit) -> None:
        """Go on with another limit of the same kind."""
        self._limit = limit
        self._meter.change(limit)
        self._grant()

    def _ask(self, *, is_edit: bool) -> asyncio.Future[None]:
        asked = asyncio.get_running_loop().create_future()
        self._add(asked, is_edit=is_edit)
        return asked

    def _add(self, asked: asyncio.Future[None], *, is_edit: bool) -> None:
        (self._edits if is_edit else self._ends).append(asked)
        self._grant()

    def _grant(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        for queue, kept in ((self._ends, 0.0), (self._edits, self._limit.kept)):
            while queue:
                if queue[0].done():  # given up meanwhile
                    queue.popleft()
                    continue
                now = loop.time()
                wait_s = max(self._not_before - now, self._meter.wait_s(now, 1 + kept))
                if wait_s > 1e-6:
                    self._timer = loop.call_later(wait_s, self._grant)
                    return
                self._meter.take(now)
                self._pass_on(queue.popleft(), is_edit=queue is self._edits)

    def _pass_on(self, asked: asyncio.Future[None], *, is_edit: bool) -> None:
        """Have a call that is granted here granted by the budget around this one, if any."""
        if self._within is None:
            asked.set_result(None)
            return
        asked.add_done_callback(lambda job: self._uncount() if job.cancelled() else None)
        self._within._add(asked, is_edit=is_edit)

    def _uncount(self) -> None:
        self._meter.give_back()
        self._grant()


class EditBudgets:
    """The budgets of one platform, by what it counts: a workspace or channel, and a method.

    `share` is this process's part of them, where several serve the same workspace; `share_among`
    divides it further among the processes on the same database. All lie `within` one budget, if it
    is given.
    """

    def __init__(self, share: float = 1.0, within: EditBudget | None = None) -> None:
        self._share = share
        self._processes = 1
        self._within = within
        self._budgets: LruDict[str, tuple[EditBudget, Rate]] = LruDict(_MAX_BUDGETS)

    def budget(self, key: str, rate: Rate) -> EditBudget:
        """The budget of a key, made at its first use."""
        found = self._budgets.get(key)
        if found is None:
            budget = EditBudget(self._part_of(rate), self._within)
            found = self._budgets[key] = budget, rate
        return found[0]

    def share_among(self, processes: int) -> None:
        """Take an equal part of each budget, as so many processes serve the same workspaces."""
        if processes != self._processes:
            self._processes = processes
            for _, (budget, rate) in [*self._budgets.items()]:
                budget.change(self._part_of(rate))

    def _part_of(self, rate: Rate) -> Rate:
        return rate.shared(self._share / self._processes)
