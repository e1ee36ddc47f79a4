"""Discord's rate limits: a bucket for each route and channel, and one for all requests."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.rate_limits import Clock, FixedWindow, Limit

_GLOBAL = Limit(50, 1.0)
_OTHERS = Limit(50, 1.0)
"""The bucket of a route whose limit is not known here."""
_MESSAGE = r"/channels/(\d+)/messages/\d+"
_ROUTES: tuple[tuple[str, str, re.Pattern[str], Limit], ...] = tuple(
    (name, method, re.compile(pattern + r"\Z"), Limit(calls, seconds))
    for name, method, pattern, calls, seconds in (
        ("send", "POST", r"/channels/(\d+)/messages", 5, 5.0),
        ("edit", "PATCH", _MESSAGE, 5, 5.0),
        ("delete", "DELETE", _MESSAGE, 5, 1.0),
        ("read", "GET", r"/channels/(\d+)/messages(?:/\d+)?", 5, 5.0),
        ("type", "POST", r"/channels/(\d+)/typing", 5, 5.0),
        ("react", "PUT", _MESSAGE + r"/reactions/.+", 1, 0.25),
        ("unreact", "DELETE", _MESSAGE + r"/reactions/.+", 1, 0.25),
        ("reply", "POST", r"/webhooks/\d+/([^/]+)", 5, 2.0),
        ("edit a reply", "PATCH", r"/webhooks/\d+/([^/]+)/messages/.+", 5, 2.0),
    )
)
_ANSWERS = re.compile(r"/(interactions|webhooks)/")
"""Requests for an interaction are not counted among all requests."""
_CALLBACK = re.compile(r"/interactions/")


@dataclass(frozen=True)
class Verdict:
    """The headers of an answer; `retry_after` in seconds if it is a refusal."""

    headers: Mapping[str, str]
    retry_after: float | None = None

    @property
    def body(self) -> Mapping[str, Any]:
        """The JSON of a refusal."""
        return {
            "message": "You are being rate limited.",
            "retry_after": self.retry_after,
            "global": "X-RateLimit-Global" in self.headers,
        }


@dataclass
class Buckets:
    """What one application is allowed."""

    clock: Clock = field(default_factory=Clock)
    _buckets: dict[str, FixedWindow] = field(default_factory=dict)

    def count(self, method: str, path: str) -> Verdict:
        """Count a request, unless it is refused."""
        if _CALLBACK.match(path):
            return Verdict({})
        now = self.clock.now()
        if not _ANSWERS.match(path):
            total = self._buckets.setdefault("global", FixedWindow(_GLOBAL))
            if wait := total.wait(now):
                return self._refusal(wait, {"X-RateLimit-Global": "true"}, "global")
            total.take(now)
        name, bucket = self._bucket(method, path)
        wait = bucket.wait(now)
        if not wait:
            bucket.take(now)
        reset = self.clock.here(bucket.reset_after(now))
        headers = {
            "X-RateLimit-Limit": str(bucket.limit.calls),
            "X-RateLimit-Remaining": str(bucket.remaining),
            "X-RateLimit-Reset-After": f"{reset:.3f}",
            "X-RateLimit-Bucket": name,
        }
        return self._refusal(wait, headers, "user") if wait else Verdict(headers)

    def _refusal(self, wait: float, headers: Mapping[str, str], scope: str) -> Verdict:
        here = self.clock.here(wait)
        more = {"Retry-After": str(math.ceil(here)), "X-RateLimit-Scope": scope}
        # Without this header discord.py takes the answer for another server's.
        return Verdict({**headers, **more, "Via": "1.1 discord"}, here)

    def _bucket(self, method: str, path: str) -> tuple[str, FixedWindow]:
        for name, verb, pattern, limit in _ROUTES:
            if verb == method and (found := pattern.match(path)):
                key = f"{name} {found[1]}"
                return name, self._buckets.setdefault(key, FixedWindow(limit))
        top = re.match(r"/channels/\d+", path)  # each channel has buckets of its own
        name = method + " " + re.sub(r"\d+", "*", path)
        key = f"{name} {top[0] if top else ''}"
        return name, self._buckets.setdefault(key, FixedWindow(_OTHERS))
