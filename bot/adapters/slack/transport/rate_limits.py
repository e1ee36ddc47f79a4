"""Which calls of the Web API are made again by themselves: those that may be repeated blindly."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from aiohttp import ClientConnectorError
from slack_sdk.http_retry.builtin_async_handlers import (
    AsyncConnectionErrorRetryHandler,
    AsyncRateLimitErrorRetryHandler,
)
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.http_retry.response import HttpResponse
from slack_sdk.http_retry.state import RetryState

from bot.replies.call_rates import Rate

UPDATES = Rate(per_s=40 / 60, burst=10, kept=4)
"""Slack takes 50 calls a minute of a method of tier 3, for a workspace."""
APPENDS = Rate(per_s=85 / 60, burst=15, kept=0)
"""A method of tier 4: 100 calls a minute."""
POSTS = Rate(per_s=1.0, burst=20)
"""Slack takes one message a second in a channel, and short bursts."""
_MAX_WAIT_S = 60.0
_DEFAULT_WAIT_S = 1.0


_POSTS = frozenset({
    "chat.postMessage", "chat.postEphemeral", "chat.startStream", "chat.appendStream",
})  # fmt: skip
"""Calls that must not be made twice: what they post would appear twice."""
_EDITS = frozenset({"chat.update", "chat.appendStream"})
"""Calls that show an answer as it is now; later it would be old."""


class RateLimits(AsyncRateLimitErrorRetryHandler):
    """Waits as long as Slack asks for, within bounds, and tolerates malformed headers.

    A refused edit is not made again: the reply's budget waits, and shows what is new by then.
    """

    async def _can_retry_async(
        self, *, request: HttpRequest, response: HttpResponse | None = None, **_: Any
    ) -> bool:
        refused = response is not None and response.status_code == 429
        return refused and _method(request) not in _EDITS

    async def prepare_for_next_attempt_async(
        self, *, state: RetryState, response: HttpResponse | None = None, **_: Any
    ) -> None:
        state.next_attempt_requested = True
        wait = read_wait(response)
        await asyncio.sleep(wait * random.uniform(1.0, 1.1))
        state.increment_current_attempt()


class ConnectionErrors(AsyncConnectionErrorRetryHandler):
    """Retries after a lost connection, but no post that may have arrived."""

    async def _can_retry_async(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        if _method(request) in _POSTS | _EDITS and not isinstance(error, ClientConnectorError):
            return False
        return await super()._can_retry_async(
            state=state, request=request, response=response, error=error
        )


def _method(request: HttpRequest) -> str:
    """The Web API's method of a request."""
    return request.url.partition("?")[0].rpartition("/")[2]


def read_wait(response: HttpResponse | None) -> float:
    """Seconds that a response asks to wait, at most `_MAX_WAIT_S`."""
    headers = response.headers if response is not None else {}
    found = next((v for k, v in headers.items() if k.lower() == "retry-after"), _DEFAULT_WAIT_S)
    try:
        wait = float(found[0] if isinstance(found, list) else found)
    except ValueError:
        return _DEFAULT_WAIT_S
    return min(max(wait, 0.0), _MAX_WAIT_S)
