"""Shares what a platform takes of one method among all replies that are being written.

A platform counts the calls of a method for a workspace or a channel, not for a message. Edits of
unfinished answers wait for each other here; the first and the last view of an answer go before.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, replace

import structlog

from backends.lru import LruDict

_log = structlog.get_logger(__name__)

MAX_STREAMED_REPLIES = 8
"""Open replies of a workspace whose text is shown while it is written; with more of them each
would be edited so seldom that it is quieter to show it when it is complete."""
_MAX_BUDGETS = 5000
_MAX_PAUSE_S = 300.0


@dataclass(frozen=True, slots=True)
class Rate:
    """Calls that a platform takes: `burst` at once, and `per_s` a second in the long run.

    `kept` of the burst are kept for the ends of answers; edits leave them.
    """

    per_s: float
    burst: float
    kept: float = 0.0


class EditBudget:
    """A token bucket whose waiting calls are granted in order, ends before edits.

    `open_replies` is the number of replies that are being written under it.
    """

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._tokens = rate.burst
        self._filled_at: float | None = None
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
        self._fill()
        missing = len(self._ends) + 1 - self._tokens
        paused_s = self._not_before - asyncio.get_running_loop().time()
        return max(0.0, paused_s, missing / self._rate.per_s)

    def edit(self) -> asyncio.Future[None]:
        """Ask for the edit of an unfinished answer; cancel it where it is not wanted any more."""
        return self._ask(self._edits)

    def end(self) -> asyncio.Future[None]:
        """Ask for a call that shows the first or the last view of an answer."""
        return self._ask(self._ends)

    def give_back(self) -> None:
        """Return a granted call that was not made."""
        self._tokens = min(self._tokens + 1, self._rate.burst)
        self._grant()

    def pause(self, seconds: float) -> None:
        """Grant nothing for so long, as the platform has refused a call as one too many."""
        now = asyncio.get_running_loop().time()
        self._not_before = max(self._not_before, now + min(seconds, _MAX_PAUSE_S))
        self._tokens = min(self._tokens, 1.0)
        self._filled_at = self._not_before  # the platform counts on meanwhile
        _log.info("reply.edits_paused", seconds=round(seconds, 1))

    def _ask(self, queue: deque[asyncio.Future[None]]) -> asyncio.Future[None]:
        asked = asyncio.get_running_loop().create_future()
        queue.append(asked)
        self._grant()
        return asked

    def _fill(self) -> None:
        now = asyncio.get_running_loop().time()
        fresh_s = now - self._filled_at if self._filled_at is not None else 0.0
        if fresh_s >= 0:
            self._tokens = min(self._tokens + fresh_s * self._rate.per_s, self._rate.burst)
            self._filled_at = now

    def _grant(self) -> None:
        self._fill()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        for queue, kept in ((self._ends, 0.0), (self._edits, self._rate.kept)):
            while queue:
                if queue[0].done():  # given up meanwhile
                    queue.popleft()
                    continue
                missing = 1.0 + kept - self._tokens
                wait_s = max(self._not_before - loop.time(), missing / self._rate.per_s)
                if wait_s > 1e-6:
                    self._timer = loop.call_later(wait_s, self._grant)
                    return
                self._tokens -= 1.0
                queue.popleft().set_result(None)


class EditBudgets:
    """The budgets of one platform, by what it counts: a workspace or channel, and a method.

    `share` is this process's part of them, where several serve the same workspace.
    """

    def __init__(self, share: float = 1.0) -> None:
        self._share = share
        self._budgets: LruDict[str, EditBudget] = LruDict(_MAX_BUDGETS)

    def budget(self, key: str, rate: Rate) -> EditBudget:
        """The budget of a key, made at its first use."""
        found = self._budgets.get(key)
        if found is None:
            burst = max(1.0 + rate.kept, rate.burst * self._share)
            found = EditBudget(replace(rate, per_s=rate.per_s * self._share, burst=burst))
            self._budgets[key] = found
        return found
