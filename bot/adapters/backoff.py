"""Delays between connections to a platform."""

from __future__ import annotations

import random
import time

_STABLE_CONNECTION_S = 60.0
_MAX_BRIEF_CONNECTIONS = 20
"""Connections in a row that may break at once before the delay becomes `_SLOW_RETRY_S`."""
_SLOW_RETRY_S = 120.0


class Backoff:
    """How long to wait before the next try, with jitter.

    Handshakes that fail cost nothing, so the wait grows to `cap_s` only: the bot is back soon after
    the platform is. Connections that open and break at once are counted by the platforms (on
    Discord a thousand a day, then the token is taken away), so after many of those in a row the
    wait becomes long.
    """

    def __init__(self, base_s: float, cap_s: float) -> None:
        self._base_s = base_s
        self._cap_s = cap_s
        self._failures = 0
        self._brief = 0
        self._opened = 0.0
        self._is_new = False

    def record_opened(self) -> None:
        """Record that the platform has greeted a new connection."""
        self._settle()
        self._failures = 0
        self._opened = time.monotonic()
        self._is_new = True

    def record_resumed(self) -> None:
        """Record that a session was resumed, which Discord does not count as a new one."""
        self._failures = 0
        self._opened = self._opened or time.monotonic()

    def delay(self, *, moving: bool = False) -> float:
        """Seconds to wait after one more failure, or after a connection has ended.

        0 where the platform asks a connection that was stable to move (`moving`).
        """
        if self._settle() and moving:
            return 0.0
        slow = self._brief >= _MAX_BRIEF_CONNECTIONS
        tries = max(self._failures, self._brief - 1)
        wait = _SLOW_RETRY_S if slow else min(self._cap_s, self._base_s * 2 ** min(tries, 30))
        self._failures += 1
        return wait * random.uniform(0.5, 1.0)

    def _settle(self) -> bool:
        """Count the connection that has ended, if there was one; returns whether it was stable."""
        stable = self._opened > 0 and time.monotonic() - self._opened > _STABLE_CONNECTION_S
        if stable:
            self._brief = 0
        elif self._is_new:
            self._brief += 1
        self._opened = 0.0
        self._is_new = False
        return stable
