"""Counts wrong tokens by address, so that whoever tries many is no longer looked at for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from backends.lru import LruDict

MAX_WRONG_TOKENS: Final = 10
WINDOW_S: Final = 60.0
_MAX_ADDRESSES: Final = 10_000
_MAX_KNOWN_TOKENS: Final = 10_000


class WrongTokens:
    """Says for how long an address has to wait.

    A token that was right before is looked at all the same: behind a proxy everybody has one
    address, and one who guesses must not shut the others out. Tokens are given as digests.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: LruDict[str, tuple[int, float]] = LruDict(_MAX_ADDRESSES)
        self._right: LruDict[str, None] = LruDict(_MAX_KNOWN_TOKENS)

    def wait_s(self, address: str, digest: str) -> float:
        """How long an address has to wait before a token of its is looked at; 0 if it need not."""
        count, since = self._wrong.get(address) or (0, 0.0)
        left = since + WINDOW_S - self._clock()
        if count < MAX_WRONG_TOKENS or left <= 0 or digest in self._right:
            return 0.0
        return left

    def was_right(self, digest: str) -> None:
        """Remember that a token was right."""
        self._right[digest] = None

    def was_wrong(self, address: str) -> None:
        """Count a wrong token."""
        now = self._clock()
        count, since = self._wrong.get(address) or (0, now)
        if since + WINDOW_S <= now:
            count, since = 0, now
        self._wrong[address] = (count + 1, since)
