"""Tells the bot's own direct conversations from those of other people."""

from __future__ import annotations

import asyncio

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from backends.lru import LruDict
from bot.adapters.slack.transport.errors import FAILURES, error_of

_log = structlog.get_logger(__name__)

_MAX_CACHED_CHANNELS = 5000


class DirectChannels:
    """Checks, with a cache, whether a direct conversation is one with the bot.

    Slack returns no messages of a conversation that the bot is not in; if the call fails, the
    conversation counts as other people's.
    """

    def __init__(self, client: AsyncWebClient, timeout_s: float) -> None:
        self._client = client
        self._timeout_s = timeout_s
        self._ours: LruDict[str, None] = LruDict(_MAX_CACHED_CHANNELS)

    async def is_direct_with_bot(self, channel: str) -> bool:
        """Whether a channel is a direct conversation of one person with the bot."""
        if not channel.startswith("D"):
            return False
        if channel not in self._ours:
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._client.conversations_history(channel=channel, limit=1)
            except FAILURES as exc:
                _log.info("slack.channel_check_failed", error=error_of(exc))
                return False
        self._ours[channel] = None
        return True
