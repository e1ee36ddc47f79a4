"""How platforms limit calls: so many within a time, by a clock that can run faster than ours."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Clock:
    """A platform's time, in seconds. With a scale of 60 a minute of it takes a second here."""

    time_scale: float = 1.0
    read: Callable[[], float] = time.monotonic

    def now(self) -> float:
        return self.read() * self.time_scale

    def here(self, seconds: float) -> float:
        """How long so many of the platform's seconds take here."""
        return seconds / self.time_scale


@dataclass(frozen=True)
class Limit:
    """At most so many calls within a time."""

    calls: int
    seconds: float


@dataclass
class SlidingWindow:
    """Takes a call if fewer than the limit were taken within the time before it."""

    limit: Limit
    _taken: deque[float] = field(default_factory=deque)

    def wait(self, now: float) -> float:
        """Seconds until a call will be taken; 0 if it is taken now."""
        while self._taken and self._taken[0] <= now - self.limit.seconds:
            self._taken.popleft()
        if len(self._taken) < self.limit.calls:
            return 0.0
        return self._taken[0] + self.limit.seconds - now

    def take(self, now: float) -> None:
        self._taken.append(now)


@dataclass
class FixedWindow:
    """Counts calls from the first one on, and begins again when its time is over."""

    limit: Limit
    taken: int = 0
    _began: float = 0.0

    def reset_after(self, now: float) -> float:
        """Seconds until it begins again."""
        return max(0.0, self._began + self.limit.seconds - now) if self.taken else 0.0

    def wait(self, now: float) -> float:
        """Seconds until a call will be taken; 0 if it is taken now."""
        left = self.reset_after(now)
        if not left:
            self.taken = 0
        return left if self.taken >= self.limit.calls else 0.0

    def take(self, now: float) -> None:
        if not self.taken:
            self._began = now
        self.taken += 1

    @property
    def remaining(self) -> int:
        return self.limit.calls - self.taken
