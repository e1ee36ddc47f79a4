"""Retries rate-limited calls after the wait that Slack asks for."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.http_retry.response import HttpResponse
from slack_sdk.http_retry.state import RetryState

_MAX_WAIT_S = 60.0
_DEFAULT_WAIT_S = 1.0


class RateLimits(AsyncRateLimitErrorRetryHandler):
    """The SDK's handler with a bounded wait, and tolerant of malformed headers."""

    async def prepare_for_next_attempt_async(
        self, *, state: RetryState, response: HttpResponse | None = None, **_: Any
    ) -> None:
        state.next_attempt_requested = True
        wait = read_wait(response)
        await asyncio.sleep(wait * random.uniform(1.0, 1.1))
        state.increment_current_attempt()


def read_wait(response: HttpResponse | None) -> float:
    """Seconds that a response asks to wait, at most `_MAX_WAIT_S`."""
    headers = response.headers if response is not None else {}
    found = next((v for k, v in headers.items() if k.lower() == "retry-after"), _DEFAULT_WAIT_S)
    try:
        wait = float(found[0] if isinstance(found, list) else found)
    except ValueError:
        return _DEFAULT_WAIT_S
    return min(max(wait, 0.0), _MAX_WAIT_S)
