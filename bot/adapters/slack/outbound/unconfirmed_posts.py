"""Finds out whether a message was posted whose acknowledgement was lost.

Each message carries metadata: the turn, and a key that no other message has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.adapters.slack.transport.errors import error_of
from bot.replies.message_port import Unconfirmed
from bot.types import ConversationKey

_log = structlog.get_logger(__name__)

_EVENT_TYPE = "parlance_reply"
_MAX_THREAD_MESSAGES = 1000
"""Messages of a thread that are looked through, the oldest first, as Slack returns them."""
_MAX_CHANNEL_MESSAGES = 100
"""Messages of a channel that are looked through, the newest first."""
_CLOCK_SKEW_S = 300.0
"""How far Slack's clock may be behind that of the process that posted."""
_FAILED_ERRORS = frozenset({
    "fatal_error", "internal_error", "request_timeout", "service_unavailable",
})  # fmt: skip
"""Errors after which the call may have been done all the same."""
_TRANSIENT_ERRORS = _FAILED_ERRORS | {"ratelimited", "rate_limited"}


def metadata_of(turn: str, key: str) -> dict[str, Any]:
    """The metadata of one message of a reply."""
    return {"event_type": _EVENT_TYPE, "event_payload": {"turn": turn, "key": key}}


def may_have_been_done(exc: BaseException) -> bool:
    """Whether a call that failed may have been done: no answer came, or Slack itself failed."""
    if not isinstance(exc, SlackApiError):
        return True
    return exc.response.status_code >= 500 or error_of(exc) in _FAILED_ERRORS


class UnconfirmedPosts:
    """The messages of one reply whose posting was not confirmed, by their keys."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client
        self._texts: dict[str, str | None] = {}
        self._since: dict[str, datetime] = {}

    def add(self, key: str, text: str) -> None:
        """Note that nothing tells whether a message with this text stands there."""
        self._texts[key] = text

    def expect(self, key: str, since: datetime) -> None:
        """Note that an earlier process may have posted it, at that time at the earliest."""
        self._texts[key] = None
        self._since[key] = since

    async def find(self, key: str, text: str, place: ConversationKey) -> str | None:
        """The time stamp of the message of a key; None where there is none, so that it can be
        posted.

        Raises `Unconfirmed` where nothing tells whether the same text stands there already, and
        whatever the Web API raises where that may be known later.
        """
        if key not in self._texts:
            return None
        try:
            return await self._look(key, place)
        except SlackApiError as exc:
            if exc.response.status_code >= 500 or error_of(exc) in _TRANSIENT_ERRORS:
                raise
            if error_of(exc) == "thread_not_found":
                return None  # where there is no thread, nothing stands in it
            why = error_of(exc)
        except LookupError as exc:
            why = str(exc)
        _log.warning("slack.may_have_been_sent", error=why)
        if self._texts[key] in {text, None}:
            raise Unconfirmed(why)
        return None  # what may stand there is an unfinished one

    async def _look(self, key: str, place: ConversationKey) -> str | None:
        """The message of a key in its thread or channel. Raises `LookupError` if there are more
        messages than are looked through."""
        answer = await _read(self._client, place)
        messages: list[dict[str, Any]] = answer.get("messages") or []
        for message in messages:
            if _told_by(message).get("key") == key:
                return str(message["ts"])
        since = self._since.get(key)
        reached = place.thread is None and (since is None or _reaches(messages, since))
        if answer.get("has_more") and not reached:
            raise LookupError("too many messages")
        return None


async def find_last_of(client: AsyncWebClient, turn: str, place: ConversationKey) -> str | None:
    """The time stamp of the last message of a turn in its thread or channel, as far as is looked
    for it: the process that posted it died before it was noted. Raises what the Web API raises."""
    messages: list[dict[str, Any]] = (await _read(client, place)).get("messages") or []
    return max((str(m["ts"]) for m in messages if _told_by(m).get("turn") == turn), default=None)


async def _read(client: AsyncWebClient, place: ConversationKey) -> AsyncSlackResponse:
    """Messages of a thread or a channel, with their metadata."""
    if place.thread is None:
        return await client.conversations_history(
            channel=place.channel, limit=_MAX_CHANNEL_MESSAGES, include_all_metadata=True
        )
    return await client.conversations_replies(
        channel=place.channel,
        ts=place.thread,
        limit=_MAX_THREAD_MESSAGES,
        include_all_metadata=True,
    )


def _told_by(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the metadata of a message tells of it."""
    return (message.get("metadata") or {}).get("event_payload") or {}


def _reaches(messages: Sequence[Mapping[str, Any]], since: datetime) -> bool:
    """Whether the newest messages of a channel go back to a time."""
    return any(float(one["ts"]) < since.timestamp() - _CLOCK_SKEW_S for one in messages)
