"""Decodes Discord's messages: whether one is for the bot, where it is answered, what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace
from functools import partial
from typing import Any

import discord
import structlog

from bot.adapters.background_tasks import BUSY, BackgroundTasks, Refusal
from bot.adapters.discord.inbound import history
from bot.adapters.discord.inbound.handover import Giving
from bot.adapters.discord.inbound.membership import Membership
from bot.adapters.discord.outbound.offers import Offers
from bot.adapters.discord.outbound.poster import ChannelPoster
from bot.adapters.discord.outbound.render import Payload
from bot.adapters.discord.outbound.reply_plan import MessageReply, NewThread, ReplyMaker
from bot.adapters.discord.transport import payloads
from bot.adapters.discord.transport.errors import FAILURES
from bot.adapters.inbox import Answer, Inbox, Incoming
from bot.adapters.protocol import Core
from bot.errors import UserFacingError
from bot.events import ContextMessage, Message, Reader
from bot.types import ConversationKey

_log = structlog.get_logger(__name__)


class Messages:
    """Turns messages into events.

    At most `chain` earlier messages are read as context; `content` tells whether the bot has the
    Message Content intent.
    """

    def __init__(
        self,
        core: Core,
        replies: ReplyMaker,
        background_tasks: BackgroundTasks,
        membership: Membership,
        *,
        chain: int,
        content: bool,
    ) -> None:
        self._core = core
        self._replies = replies
        self._client_holder = replies.client_holder
        self._background_tasks = background_tasks
        self._membership = membership
        self._chain = chain
        self._content = content
        self._giving = Giving(core)
        self.inbox = Inbox(
            core,
            payloads.PLATFORM,
            background_tasks,
            Offers(core.replies, self._client_holder),
            give_deletion=self._giving.deletion,
            retry_pause_s=replies.timing.retry_base,
        )

    # --- what Discord tells ---------------------------------------------------------------------

    def on_message(self, message: discord.Message, own_id: int) -> None:
        """Handle a message; where too many are waiting, its author is told."""
        if self._may_be_for_us(message, own_id):
            place = str(message.channel.id)
            refusal = Refusal(
                f"{place}:{message.author.id}", partial(self._refuse, message, own_id)
            )
            decode = partial(self._decode, message, own_id)
            self.inbox.receive(place, str(message.id), decode, refusal)

    def on_edited(self, message: discord.Message, own_id: int) -> None:
        """Handle an edited message. Discord also tells when it has looked a link up, or when the
        bot itself edits."""
        if message.edited_at is None or message.author.bot:
            return

        async def read() -> str:
            return payloads.to_readable(message, own_id)

        self.inbox.edited(str(message.channel.id), str(message.id), read)

    def on_deleted(self, channel: int, messages: Collection[int]) -> None:
        """Handle deleted messages."""
        self.inbox.deleted(str(channel), [str(number) for number in messages])

    def on_thread_deleted(self, thread: int) -> None:
        """Handle a deleted thread: its questions count as deleted."""
        self.inbox.thread_deleted(str(thread), str(thread))

    # --- whether it is for the bot, and where it is answered ------------------------------------

    @staticmethod
    def _may_be_for_us(message: discord.Message, own_id: int) -> bool:
        """Whether a person writes to the bot, or in a thread that may be one of the bot's."""
        return payloads.is_from_a_person(message) and (
            payloads.is_direct_message(message)
            or payloads.names_us(message, own_id)
            or isinstance(message.channel, discord.Thread | discord.PartialMessageable)
        )

    async def _is_for_us(self, message: discord.Message, own_id: int) -> bool:
        """Whether it addresses the bot, or follows up in a thread of the bot."""
        return self._may_be_for_us(message, own_id) and (
            payloads.is_direct_message(message)
            or payloads.names_us(message, own_id)
            or await self._follows(message, own_id)
        )

    async def _refuse(self, message: discord.Message, own_id: int) -> None:
        """Tell the author of a message that the bot is too busy for it, if it is for the bot."""
        if await self._is_for_us(message, own_id):
            poster = ChannelPoster(self._client_holder, message.channel.id, message.id)
            try:
                await poster.send(Payload(BUSY), "", "")
            except FAILURES as exc:
                _log.info("discord.refusal_failed", error=str(exc)[:200])

    async def _follows(self, message: discord.Message, own_id: int) -> bool:
        """Whether it is a follow-up in a thread of the bot, not addressed to somebody else."""
        if not (message.content or message.attachments):
            return False  # without the Message Content intent there is nothing to go by
        channel = await self._channel(message)
        if not isinstance(channel, discord.Thread) or payloads.is_to_others(message, own_id):
            return False
        key = _key(channel, message)
        if channel.owner_id != own_id and not await self._core.replies.takes_part(key):
            return False
        return (await self._core.channel_settings(key)).follow_up

    async def _channel(self, message: discord.Message) -> Any:
        """The channel, looked up where discord.py does not know it (an archived thread, say)."""
        channel: Any = message.channel
        if isinstance(channel, discord.PartialMessageable) and message.guild is not None:
            try:
                return await (await self._client_holder.client()).fetch_channel(channel.id)
            except FAILURES:
                return channel
        return channel

    async def _decode(self, message: discord.Message, own_id: int) -> Incoming | None:
        """Where a message is answered; None for one that does not address the bot."""
        if not await self._is_for_us(message, own_id):
            return None
        channel = await self._channel(message)
        key = _key(channel, message)
        text = payloads.to_readable(message, own_id)
        in_place = self._core.answers_in_place(text, files=bool(message.attachments))
        if opens := not in_place and await self._opens_thread(channel, own_id, key):
            key = replace(key, thread=str(message.id))
        elif not in_place and self._core.admits(payloads.author_of(message.author), key):
            self._background_tasks.start(self._typing(message.channel.id), "typing")
        return Incoming(key, partial(self._read, message, own_id, key, opens=opens))

    async def _opens_thread(self, channel: Any, own_id: int, key: ConversationKey) -> bool:
        """Whether a question in a channel gets a thread of its own."""
        if not isinstance(channel, discord.TextChannel):
            return False
        wanted = (await self._core.channel_settings(key)).thread_per_mention
        return wanted and _may_open_thread(channel, own_id)

    # --- the question ---------------------------------------------------------------------------

    async def _read(
        self, message: discord.Message, own_id: int, key: ConversationKey, *, opens: bool
    ) -> tuple[Message, Answer | None]:
        """Read a question and its context, and make the reply to it, if this process does."""
        author, direct = payloads.author_of(message.author), payloads.is_direct_message(message)
        if direct:
            author = await self._membership.with_roles(author)
        may_read = partial(self._may_read, message)
        earlier = history.make_reader(
            self._client_holder, own_id, message.channel.id, may_read, before=message.id
        )
        text = payloads.to_readable(message, own_id)
        event = Message(
            id=str(message.id),
            conversation=key,
            author=author,
            text=text,
            direct=direct,
            attachments=payloads.attachments_of(message.attachments),
            context=await self._read_context(message, own_id, earlier),
            at=message.created_at,
            earlier=earlier,
        )
        plan = await self._plan_reply(message, key, text, opens=opens)
        if await self._giving.message(event, plan, may_read):
            return event, None
        return event, self.inbox.follow(self._replies.reply_to_message(plan, key), key)

    async def _plan_reply(
        self, message: discord.Message, key: ConversationKey, text: str, *, opens: bool
    ) -> MessageReply:
        person = message.author.id if message.guild is not None else None
        plan = MessageReply(message.channel.id, message.id, person)
        if key.thread is None or await self._core.replies.known_thread(key):
            return plan
        settings = await self._core.channel_settings(key)
        plan = replace(plan, silent=not (self._content and settings.follow_up))
        if not opens:
            return plan
        archive_after_min = getattr(message.channel, "default_auto_archive_duration", 1440)
        thread = NewThread(payloads.thread_title(text), archive_after_min)
        return replace(plan, thread=thread)

    async def _read_context(
        self, message: discord.Message, own_id: int, earlier: Reader
    ) -> tuple[ContextMessage, ...]:
        """The context of a message: the chain it replies to, else the thread of others it is in.

        What cannot be read in time is left out.
        """
        chain = await payloads.reply_chain(message, own_id, self._chain)
        if chain or not (self._content and self._chain):
            return chain
        channel = await self._channel(message)
        if not isinstance(channel, discord.Thread) or channel.owner_id == own_id:
            return ()  # in a thread of ours everything is said to us, and kept
        try:
            async with asyncio.timeout(self._replies.timing.context_lookup):
                return tuple(await earlier(self._chain))
        except (UserFacingError, TimeoutError):
            return ()

    async def _may_read(self, message: discord.Message) -> bool:
        """Whether the author of a message may read the messages before it."""
        channel = await self._channel(message)
        if message.guild is None:
            return True
        try:
            return history.reads_history(channel.permissions_for(message.author))
        except (discord.ClientException, AttributeError):
            return False  # a channel or a person that Discord tells us too little of

    async def _typing(self, channel: int) -> None:
        try:
            await ChannelPoster(self._client_holder, channel).typing()
        except FAILURES as exc:
            _log.debug("discord.typing_failed", error=str(exc)[:200])


def _key(channel: Any, message: discord.Message) -> ConversationKey:
    guild = message.guild.id if message.guild else None
    return payloads.key_of(channel, guild, direct=payloads.is_direct_message(message))


def _may_open_thread(channel: discord.TextChannel, own_id: int) -> bool:
    """Whether the bot may answer in a thread there, as far as it is known before it tries."""
    us = channel.guild.get_member(own_id)
    if us is None:
        return True
    permissions = channel.permissions_for(us)
    return permissions.create_public_threads and permissions.send_messages_in_threads
