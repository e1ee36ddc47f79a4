"""Reconnection delays for Discord."""

from __future__ import annotations

import random
import time

_STABLE_CONNECTION_S = 60.0


_MAX_QUICK_CONNECTIONS = 20
"""Sessions that may break at once before the delay becomes `_SLOW_RETRY_S`."""


_SLOW_RETRY_S = 120.0


class Backoff:
    """How long to wait before the next try, with jitter.

    Handshakes that fail cost nothing, so the wait stays short: the bot is back soon after the
    platform is. Sessions that are opened and break at once are counted by Discord (a thousand a
    day, then the token is taken away), so after many of those the wait becomes long.
    """

    def __init__(self, base_s: float, cap_s: float) -> None:
        self._base = base_s
        self._cap = cap_s
        self._failures = 0
        self._sessions = 0
        self._opened = 0.0

    def record_opened(self) -> None:
        """Record that a new session was opened."""
        self._sessions += 1
        self._failures = 0
        self._opened = time.monotonic()

    def record_resumed(self) -> None:
        """Record that a session was resumed, which Discord does not count as a new one."""
        self._failures = 0
        self._opened = self._opened or time.monotonic()

    def delay(self) -> float:
        """Seconds to wait after one more failure."""
        if self._opened and time.monotonic() - self._opened > _STABLE_CONNECTION_S:
            self._sessions = 0
        self._opened = 0.0
        cap = self._cap if self._sessions < _MAX_QUICK_CONNECTIONS else _SLOW_RETRY_S
        base = self._base if self._sessions < _MAX_QUICK_CONNECTIONS else _SLOW_RETRY_S
        wait = min(cap, base * 2 ** min(self._failures, 30))
        self._failures += 1
        return float(wait * random.uniform(0.5, 1.0))
