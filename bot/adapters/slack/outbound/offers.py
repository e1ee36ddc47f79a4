"""Posts the offer to answer an edited question anew, and removes answers."""

from __future__ import annotations

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.inbox import RecentQuestion, edited_action, edited_notice
from bot.adapters.slack.outbound.render import button_block
from bot.adapters.slack.transport.errors import FAILURES, error_of
from bot.replies.protocol import Reply

_log = structlog.get_logger(__name__)


class Offers:
    """The `InboxPort` of Slack. The id of a message is its channel and its time stamp."""

    failures = FAILURES

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client

    async def offer(self, question: RecentQuestion, message: str, turn: str) -> None:
        """Offer to answer an edited question anew, where its answer stands."""
        words, locale = edited_notice(question)
        small = {"type": "context", "elements": [{"type": "mrkdwn", "text": words}]}
        action = edited_action(message.partition(":")[2], locale)
        await self._client.chat_postMessage(
            channel=question.conversation.channel,
            thread_ts=question.conversation.thread,
            text=words,
            blocks=[small, button_block((action,), turn)],
        )

    async def remove(self, reply: Reply) -> None:
        """Delete the messages of a reply, as far as that works."""
        for ts in filter(None, reply.address.get("messages", "").split(",")):
            await self.remove_message(reply.address.get("channel", ""), ts)

    async def remove_message(self, channel: str, ts: str) -> None:
        """Delete a message of the bot; a failure is logged."""
        try:
            await self._client.chat_delete(channel=channel, ts=ts)
        except FAILURES as exc:
            _log.info("slack.delete_failed", error=error_of(exc))
