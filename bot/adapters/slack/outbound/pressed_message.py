"""The message whose button was pressed: its buttons go, and what was chosen stands in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.slack.outbound.escaping import escape_markup
from bot.adapters.slack.outbound.render import MAX_ELEMENT_CHARS
from bot.adapters.slack.transport.errors import FAILURES, error_of
from bot.replies.wording import notice_text, shorten
from bot.types import Notice

_log = structlog.get_logger(__name__)


class SlackPressedMessage:
    """Implements `bot.replies.choice.PressedMessage`; `message` is what Slack says of it."""

    def __init__(self, client: AsyncWebClient, channel: str, message: Mapping[str, Any]) -> None:
        self._client = client
        self._channel = channel
        self._message = message

    async def settle(self, choice: Notice | None) -> bool:
        blocks = [one for one in self._message.get("blocks") or () if one["type"] != "actions"]
        if choice is not None:
            words = escape_markup(shorten(notice_text(choice), MAX_ELEMENT_CHARS))
            said = {"type": "mrkdwn", "text": words, "verbatim": True}
            blocks.append({"type": "context", "elements": [said]})
        if not blocks:
            return False
        try:
            await self._client.chat_update(
                channel=self._channel,
                ts=str(self._message.get("ts")),
                text=str(self._message.get("text") or ""),
                blocks=blocks,
            )
        except FAILURES as exc:
            _log.info("slack.choice_not_shown", error=error_of(exc))
            return False
        return True


class SlackLastMessage:
    """The last message of a reply that goes on though nobody pressed a button in it: it settles as
    a pressed one does, if it has buttons. Implements `bot.replies.choice.PressedMessage`."""

    def __init__(self, client: AsyncWebClient, channel: str, ts: str, root: str) -> None:
        self._client = client
        self._place = channel, ts, root
        self._found: SlackPressedMessage | None = None

    async def settle(self, choice: Notice | None) -> bool:
        if self._found is None:
            try:
                message = await fetch_message(self._client, *self._place)
            except FAILURES as exc:
                _log.info("slack.choice_not_shown", error=error_of(exc))
                return False
            blocks = message.get("blocks") or () if message is not None else ()
            if message is None or not any(one["type"] == "actions" for one in blocks):
                return False
            self._found = SlackPressedMessage(self._client, self._place[0], message)
        return await self._found.settle(choice)


async def fetch_message(
    client: AsyncWebClient, channel: str, ts: str, root: str
) -> Mapping[str, Any] | None:
    """A message of the thread that begins with `root`; None if it is gone. Raises what the Web API
    raises."""
    answer = await client.conversations_replies(
        channel=channel, ts=root, oldest=ts, latest=ts, inclusive=True, limit=2
    )
    found: list[Mapping[str, Any]] = answer["messages"]
    return next((one for one in found if one["ts"] == ts), None)
