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
