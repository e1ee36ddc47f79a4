"""What a call of the Web API may end with."""

from __future__ import annotations

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

FAILURES = (SlackClientError, aiohttp.ClientError, TimeoutError, OSError)
"""What a call of the Web API may raise."""


def error_of(exc: BaseException) -> str:
    """Slack's own word for what went wrong, or the exception's name."""
    # An answer that is no JSON has no `data`.
    if isinstance(exc, SlackApiError) and isinstance(getattr(exc.response, "data", None), dict):
        return str(exc.response.get("error", ""))
    return type(exc).__name__
