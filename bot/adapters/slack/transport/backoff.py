"""Reconnection delays for Slack."""

from __future__ import annotations

import random
import time

_STABLE_CONNECTION_S = 30.0
_MAX_QUICK_CONNECTIONS = 20
_SLOW_RETRY_S = 60.0


class Backoff:
    """Pauses that grow up to a cap, with jitter.

    Only a connection that Slack has greeted counts as one: a handshake that succeeds and says
    nothing does not begin the pauses anew. Connections that are greeted and break at once are
    opened ever more slowly, since Slack limits how often they may be opened.
    """

    def __init__(self, base_s: float, cap_s: float) -> None:
        self._base = base_s
        self._cap = cap_s
        self._failures = 0
        self._brief = 0
        self._opened = 0.0

    def record_opened(self) -> None:
        """Record that Slack has greeted a connection."""
        self._failures = 0
        self._opened = time.monotonic()

    def delay(self, *, moving: bool = False) -> float:
        """Seconds to wait after a connection has ended.

        0 where Slack asks a connection that was stable to move (`moving`).
        """
        held = self._opened > 0 and time.monotonic() - self._opened > _STABLE_CONNECTION_S
        if held:
            self._brief = 0
            if moving:
                return 0.0
        elif self._opened > 0:
            self._brief += 1
        self._opened = 0.0
        tries = max(self._failures, self._brief - 1)
        base, cap = (
            (self._base, self._cap)
            if self._brief < _MAX_QUICK_CONNECTIONS
            else (_SLOW_RETRY_S, _SLOW_RETRY_S)
        )
        self._failures += 1
        return float(min(cap, base * 2 ** min(tries, 30)) * random.uniform(0.5, 1.0))
