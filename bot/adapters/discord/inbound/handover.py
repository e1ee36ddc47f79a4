"""Gives events to the process that is to answer them, and takes those given to this one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

from bot.adapters.discord.inbound import history
from bot.adapters.discord.inbound.handed_events import (
    Handed,
    HandedCall,
    HandedDeletion,
    HandedMessage,
    decode,
    encode,
)
from bot.adapters.discord.outbound.reply_plan import InteractionReply, MessageReply, ReplyMaker
from bot.adapters.discord.transport import payloads
from bot.adapters.inbox import Inbox
from bot.adapters.protocol import Core
from bot.adapters.silent_sink import SilentSink
from bot.errors import StorageError
from bot.events import CommandCall, Message, MessageDeleted, Reader
from bot.types import Author, ConversationKey

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Giving:
    """Stores events, and says of each whether another process has it.

    Where none are stored, or it fails, it has not: then the event is handled here.
    """

    core: Core

    async def message(
        self, event: Message, reply: MessageReply, may_read: history.PermissionCheck
    ) -> bool:
        """Give a message that is answered as `reply` says."""
        if not self._gives(event.author, event.conversation):
            return False
        return await self._put(HandedMessage.of(event, reply, reads=await may_read()))

    async def call(
        self, event: CommandCall, reply: InteractionReply, may_read: history.PermissionCheck
    ) -> bool:
        """Give a call of a command that is answered as `reply` says."""
        if not self._gives(event.author, event.conversation, event.name):
            return False
        return await self._put(HandedCall.of(event, reply, reads=await may_read()))

    async def deletion(self, event: MessageDeleted) -> bool:
        """Tell of a deleted question, after the question itself."""
        return await self._put(HandedDeletion.of(event))

    def _gives(self, author: Author, place: ConversationKey, action: str = "message") -> bool:
        """Whether events are stored, and this person's: whoever is not let in is told so here."""
        return self.core.received is not None and self.core.admits(author, place, action)

    async def _put(self, handed: Handed) -> bool:
        if self.core.received is None:
            return False
        place, person = str(handed.conversation), handed.author.key
        try:
            given = await self.core.received.put(
                payloads.PLATFORM, handed.id, handed.id, place, person, encode(handed)
            )
        except StorageError as exc:
            _log.warning("discord.event_not_stored", error=str(exc)[:200])
            return False
        return given != "here"


@dataclass(frozen=True)
class Taking:
    """Hands events to the core that were stored; `inbox` follows their answers."""

    core: Core
    replies: ReplyMaker
    inbox: Inbox

    async def handle(self, payload: Mapping[str, Any]) -> None:
        """Handle an event, and return when the core has taken it. Raises `UnknownFormat`."""
        match decode(payload):
            case HandedMessage() as handed:
                await self._take_message(handed)
            case HandedCall() as handed:
                await self._take_call(handed)
            case HandedDeletion() as handed:
                await self.core.accept(handed.event(), SilentSink())

    async def _take_message(self, handed: HandedMessage) -> None:
        event = handed.event(self._earlier(handed))
        reply = self.replies.reply_to_message(handed.reply, handed.conversation)
        await self.core.accept(event, self.inbox.follow(reply, handed.conversation))

    async def _take_call(self, handed: HandedCall) -> None:
        target = None if handed.target is None else handed.target.context_message()
        if handed.target is not None and target is not None and handed.target.has_thread:
            holder, may_read = self.replies.client_holder, history.make_known(handed.reads)
            thread = history.make_thread_reader(holder, holder.own_id, target, may_read)
            target = replace(target, replies=thread)
        event = handed.event(target, self._earlier(handed))
        reply = self.replies.reply_to_interaction(handed.reply, handed.conversation)
        await self.core.accept(event, self.inbox.follow(reply, handed.conversation))

    def _earlier(self, handed: HandedMessage | HandedCall) -> Reader:
        holder, may_read = self.replies.client_holder, history.make_known(handed.reads)
        channel, before = handed.reply.channel, int(handed.id)
        return history.make_reader(holder, holder.own_id, channel, may_read, before=before)
