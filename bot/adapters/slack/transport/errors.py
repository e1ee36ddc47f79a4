"""The exceptions that a call of the Web API can raise."""

from __future__ import annotations

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

FAILURES = (SlackClientError, aiohttp.ClientError, TimeoutError, OSError)
"""Exceptions that a call of the Web API can raise."""


def error_of(exc: BaseException) -> str:
    """Slack's error code, or the exception's class name."""
    # An answer that is no JSON has no `data`.
    if isinstance(exc, SlackApiError) and isinstance(getattr(exc.response, "data", None), dict):
        return str(exc.response.get("error", ""))
    return type(exc).__name__
