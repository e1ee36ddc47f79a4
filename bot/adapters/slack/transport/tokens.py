"""Recognises refused tokens, and tells the operator what to do about them."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.async_handler import AsyncRetryHandler

from bot.adapters.slack.transport.errors import error_of
from bot.errors import AdapterError

_log = structlog.get_logger(__name__)

Token = Literal["bot", "app"]

NO_APP_TOKEN = (
    "Slack needs SLACK_APP_TOKEN: make an app-level token with the scope connections:write under "
    "Basic Information, App-Level Tokens."
)
NO_SIGNING_SECRET = (
    "Slack over HTTP needs SLACK_SIGNING_SECRET: copy it from Basic Information, App Credentials."
)
_REVOKED_ERRORS = frozenset({"invalid_auth", "not_authed", "token_revoked", "token_expired"})
_REMOVED_ERRORS = frozenset({"account_inactive", "user_removed_from_team", "forbidden_team"})
_SENTENCES: dict[Token, dict[str, str]] = {
    "bot": {
        **dict.fromkeys(
            _REVOKED_ERRORS,
            "Slack refuses the bot token: copy the Bot User OAuth Token (xoxb-…) from OAuth & "
            "Permissions into SLACK_BOT_TOKEN.",
        ),
        **dict.fromkeys(
            _REMOVED_ERRORS,
            "The Slack app was removed from the workspace: install it again under Install App, and "
            "copy the new token into SLACK_BOT_TOKEN.",
        ),
        "not_allowed_token_type": "SLACK_BOT_TOKEN holds another kind of token: copy the Bot User "
        "OAuth Token from OAuth & Permissions, which begins with xoxb-.",
        "missing_scope": "The Slack app lacks a scope: paste what `parlance manifest slack` prints "
        "under App Manifest, and install the app again.",
    },
    "app": {
        **dict.fromkeys(
            _REVOKED_ERRORS | _REMOVED_ERRORS,
            "Slack refuses the app-level token: make a new one with the scope connections:write "
            "under Basic Information, App-Level Tokens, and set SLACK_APP_TOKEN.",
        ),
        "not_allowed_token_type": "SLACK_APP_TOKEN holds another kind of token: it begins with "
        "xapp- and comes from Basic Information, App-Level Tokens.",
        "missing_scope": "The app-level token lacks the scope connections:write: make a new one "
        "under Basic Information, App-Level Tokens, and set SLACK_APP_TOKEN.",
    },
}


def token_error(exc: BaseException, token: Token) -> AdapterError | None:
    """The error for the operator if retrying with the same token cannot help, else None."""
    sentence = _SENTENCES[token].get(error_of(exc))
    return None if sentence is None else AdapterError(sentence)


def retry_after(exc: BaseException) -> float:
    """Seconds that Slack asks us to wait; 0 where it does not."""
    if not isinstance(exc, SlackApiError) or error_of(exc) not in {"ratelimited", "rate_limited"}:
        return 0.0
    try:
        return min(float(exc.response.headers.get("Retry-After", "0")), 300.0)
    except ValueError:
        return 0.0


class TokenWatch(AsyncRetryHandler):
    """Watches every answer of the Web API for a refused bot token.

    It never asks for a retry. A missing scope is logged once, as only one feature needs it.
    """

    def __init__(self) -> None:
        super().__init__(max_retry_count=1000)  # so that it is asked on every attempt
        self._refused = asyncio.Event()
        self._missing: set[str] = set()

    async def wait_refused(self) -> None:
        """Wait until Slack refuses the token in the answer to a call."""
        await self._refused.wait()
        self._refused.clear()

    async def _can_retry_async(self, *, response: Any = None, **_: Any) -> bool:
        body = response.body if response is not None else None
        if isinstance(body, dict) and body.get("ok") is False:
            error = str(body.get("error"))
            if error in _REVOKED_ERRORS | _REMOVED_ERRORS:
                self._refused.set()
            elif error == "missing_scope":
                self._log_missing_scope(str(body.get("needed", "?")))
        return False

    def _log_missing_scope(self, scope: str) -> None:
        if scope not in self._missing:
            self._missing.add(scope)
            _log.warning(
                "slack.scope_missing", needed=scope, hint=_SENTENCES["bot"]["missing_scope"]
            )
