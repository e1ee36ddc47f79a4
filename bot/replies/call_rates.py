"""How many calls a platform takes in a time: a steady rate, or so many within a window."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import Any, Protocol


class Meter(Protocol):
    """Counts calls; times are those of the event loop's clock, in seconds."""

    def wait_s(self, now: float, calls: int | float) -> float:
        """How long it takes until so many calls can be made; 0 if they can now."""
        ...

    def take(self, now: float) -> None:
        """Count a call."""
        ...

    def give_back(self) -> None:
        """Take a call back that was counted and not made."""
        ...

    def pause(self, until: float) -> None:
        """Begin again at a time: the platform has counted more calls than were counted here."""
        ...

    def change(self, limit: Any) -> None:
        """Go on with another limit of the same kind; what was counted stays counted."""
        ...


@dataclass(frozen=True, slots=True)
class Rate:
    """Calls that a platform takes: `burst` at once, and `per_s` a second in the long run.

    `kept` of the burst are kept for the ends of answers; edits leave them.
    """

    per_s: float
    burst: float
    kept: float = 0.0

    def shared(self, share: float) -> Rate:
        """A part of it, which holds one call at least."""
        burst = max(1.0 + self.kept, self.burst * share)
        return replace(self, per_s=self.per_s * share, burst=burst)

    def meter(self) -> Meter:
        """What counts its calls."""
        return _TokenBucket(self)


@dataclass(frozen=True, slots=True)
class CallWindow:
    """At most so many `calls` within any `seconds`, all at once if need be.

    `kept` of them are kept for the ends of answers; edits leave them.
    """

    calls: int
    seconds: float
    kept: int = 0

    def shared(self, share: float) -> CallWindow:
        """A part of it, which holds one call at least."""
        kept = int(self.kept * share)
        return replace(self, calls=max(1 + kept, int(self.calls * share)), kept=kept)

    def meter(self) -> Meter:
        """What counts its calls."""
        return _SlidingWindow(self)


CallLimit = Rate | CallWindow


class _TokenBucket:
    """The meter of a `Rate`."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._tokens = rate.burst
        self._filled_at: float | None = None

    def wait_s(self, now: float, calls: int | float) -> float:
        fresh_s = now - self._filled_at if self._filled_at is not None else 0.0
        if fresh_s >= 0:
            self._tokens = min(self._tokens + fresh_s * self._rate.per_s, self._rate.burst)
            self._filled_at = now
        return max(0.0, (calls - self._tokens) / self._rate.per_s)

    def take(self, now: float) -> None:
        self._tokens -= 1.0

    def give_back(self) -> None:
        self._tokens = min(self._tokens + 1.0, self._rate.burst)

    def pause(self, until: float) -> None:
        self._tokens = min(self._tokens, 1.0)
        self._filled_at = until  # the platform counts on meanwhile

    def change(self, limit: Rate) -> None:
        self._rate = limit
        self._tokens = min(self._tokens, limit.burst)


class _SlidingWindow:
    """The meter of a `CallWindow`."""

    def __init__(self, window: CallWindow) -> None:
        self._window = window
        self._taken: deque[float] = deque()

    def wait_s(self, now: float, calls: int | float) -> float:
        while self._taken and self._taken[0] <= now - self._window.seconds:
            self._taken.popleft()
        missing = min(int(calls) - self._window.calls, 0) + len(self._taken)
        return self._taken[missing - 1] + self._window.seconds - now if missing > 0 else 0.0

    def take(self, now: float) -> None:
        self._taken.append(now)

    def give_back(self) -> None:
        if self._taken:
            self._taken.pop()

    def pause(self, until: float) -> None:
        self._taken.clear()

    def change(self, limit: CallWindow) -> None:
        self._window = limit
