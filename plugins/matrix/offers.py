"""Posts the offer to answer an edited question anew, and removes answers."""

from __future__ import annotations

import uuid

import structlog

from bot.api import RecentQuestion, Reply, edited_action, edited_notice
from plugins.matrix.account import Account
from plugins.matrix.button_row import ButtonRow
from plugins.matrix.buttons import buttons_of
from plugins.matrix.errors import MATRIX_FAILURES
from plugins.matrix.render import Payload, relation

_log = structlog.get_logger(__name__)


class Offers:
    """The `InboxPort` of Matrix."""

    failures = MATRIX_FAILURES

    def __init__(self, account: Account) -> None:
        self._account = account

    async def offer(self, question: RecentQuestion, message: str, turn: str) -> None:
        """Offer to answer an edited question anew, where its answer stands."""
        place = question.conversation
        words, locale = edited_notice(question)
        payload = Payload(words, buttons_of([edited_action(message, locale)]))
        content = payload.content(turn, place) | relation(place.thread, message)
        await self._account.budget.end()
        sent = await self._account.client.send(place.channel, content, f"edit.{uuid.uuid4().hex}")
        ButtonRow(self._account).show(place.channel, sent, payload.emojis, final=True)

    async def remove(self, reply: Reply) -> None:
        """Delete the messages of a reply, as far as that works."""
        room = reply.address.get("room", "")
        for message in filter(None, reply.address.get("messages", "").split(",")):
            await self.remove_message(room, message)

    async def remove_message(self, room: str, message: str) -> None:
        """Delete a message of the bot; a failure is logged."""
        try:
            await self._account.budget.end()
            await self._account.homeserver.redact(room, message)
        except MATRIX_FAILURES as exc:
            _log.info("matrix.delete_failed", error=str(exc)[:200])
