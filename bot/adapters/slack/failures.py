"""What a call of the Web API may end with."""

from __future__ import annotations

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

FAILURES = (SlackClientError, aiohttp.ClientError, TimeoutError, OSError)
"""What a call of the Web API may raise."""

PASSING = frozenset({
    "ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable",
    "request_timeout", "message_limit_exceeded",
})  # fmt: skip
"""Slack's words for what may well succeed another time."""


def error_of(exc: BaseException) -> str:
    """Slack's own word for what went wrong, or the exception's name."""
    if isinstance(exc, SlackApiError) and isinstance(exc.response.data, dict):
        return str(exc.response.get("error", ""))
    return type(exc).__name__


def is_final(exc: BaseException) -> bool:
    """Whether Slack has said no, and would say so again."""
    return isinstance(exc, SlackApiError) and error_of(exc) not in {"", *PASSING}
