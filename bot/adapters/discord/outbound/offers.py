"""Posts the offer to answer an edited question anew, and removes answers."""

from __future__ import annotations

import structlog

from bot.adapters.discord.outbound.client_holder import ClientHolder
from bot.adapters.discord.outbound.poster import ChannelPoster
from bot.adapters.discord.outbound.render import Payload
from bot.adapters.discord.transport import payloads
from bot.adapters.discord.transport.errors import FAILURES
from bot.adapters.inbox import RecentQuestion, edited_action, edited_notice
from bot.replies.protocol import Replies, Reply

_log = structlog.get_logger(__name__)


class Offers:
    """The `InboxPort` of Discord."""

    failures = FAILURES

    def __init__(self, replies: Replies, client_holder: ClientHolder) -> None:
        self._replies = replies
        self._client_holder = client_holder

    async def offer(self, question: RecentQuestion, message: str, turn: str) -> None:
        """Offer to answer an edited question anew, where its answer stands."""
        reply = await self._replies.get(turn)
        place = int(reply.address.get("channel") or 0) if reply is not None else 0
        poster = ChannelPoster(
            self._client_holder, place or payloads.place_of(question.conversation)
        )
        words, locale = edited_notice(question)
        payload = Payload(f"-# {words}", (edited_action(message, locale),))
        await poster.send(payload, turn, f"edit.{turn}"[:25])

    async def remove(self, reply: Reply) -> None:
        """Delete the messages of a reply, as far as that works."""
        poster = ChannelPoster(self._client_holder, int(reply.address.get("channel") or 0))
        for number in filter(None, reply.address.get("messages", "").split(",")):
            try:
                await poster.delete(int(number))
            except FAILURES as exc:
                _log.info("discord.delete_failed", message=number, error=str(exc)[:200])
