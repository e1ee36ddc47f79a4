"""Handles messages: decides whether to answer and where, collects context; edits, deletions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import Any

import discord
import structlog

from bot.adapters.background_tasks import BUSY, BackgroundTasks
from bot.adapters.discord.inbound import history
from bot.adapters.discord.inbound.membership import Membership
from bot.adapters.discord.outbound.port import ReplySink, make_sink
from bot.adapters.discord.outbound.poster import ChannelPoster, ClientHolder, DirectPoster, Poster
from bot.adapters.discord.outbound.render import Payload
from bot.adapters.discord.transport import payloads
from bot.adapters.discord.transport.errors import FAILURES
from bot.adapters.discord.transport.timing import Timing
from bot.adapters.protocol import Core
from bot.adapters.recent_questions import EDITED_PREFIX, RecentQuestion, RecentQuestions, SilentSink
from bot.errors import UserFacingError
from bot.events import ContextMessage, Message, MessageDeleted, Reader
from bot.types import Action, ConversationKey

_log = structlog.get_logger(__name__)

_LOOKUP_TIMEOUT_S = 2.5


class Messages:
    """Turns messages into events.

    At most `chain` earlier messages are read as context; `content` tells whether the bot has the
    Message Content intent.
    """

    def __init__(
        self,
        core: Core,
        client_holder: ClientHolder,
        timing: Timing,
        background_tasks: BackgroundTasks,
        membership: Membership,
        *,
        chain: int,
        content: bool,
    ) -> None:
        self._core = core
        self._client_holder = client_holder
        self._timing = timing
        self._background_tasks = background_tasks
        self._membership = membership
        self._chain = chain
        self._content = content
        self.recent_questions: RecentQuestions[ReplySink] = RecentQuestions(core, payloads.PLATFORM)

    async def on_message(self, message: discord.Message, own_id: int) -> None:
        """Handle a message; one that does not address the bot is ignored."""
        if not await self._is_for_us(message, own_id):
            return
        key = _key(await self._channel(message), message)
        if self._core.admits(payloads.author_of(message.author), key):
            self._background_tasks.start(self._typing(message.channel.id), "typing")
            key = await self._place(message, own_id)
        await self._ask(message, own_id, key, str(message.id))

    @staticmethod
    def may_be_for_us(message: discord.Message, own_id: int) -> bool:
        """Whether a person writes to the bot, or in a thread that may be one of the bot's."""
        return payloads.is_from_a_person(message) and (
            payloads.is_direct_message(message)
            or payloads.names_us(message, own_id)
            or isinstance(message.channel, discord.Thread | discord.PartialMessageable)
        )

    async def _is_for_us(self, message: discord.Message, own_id: int) -> bool:
        """Whether it addresses the bot, or follows up in a thread of the bot."""
        return self.may_be_for_us(message, own_id) and (
            payloads.is_direct_message(message)
            or payloads.names_us(message, own_id)
            or await self._follows(message, own_id)
        )

    async def refuse(self, message: discord.Message, own_id: int) -> None:
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
        if channel.owner_id != own_id and not await self._core.replies.known_thread(key):
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

    async def _place(self, message: discord.Message, own_id: int) -> ConversationKey:
        """The conversation of the answer; opens a thread if the channel's settings want one."""
        channel = await self._channel(message)
        key = _key(channel, message)
        if not isinstance(channel, discord.TextChannel):
            return key
        text = payloads.to_readable(message, own_id)
        if self._core.answers_in_place(text, files=bool(message.attachments)):
            return key
        if not (await self._core.channel_settings(key)).thread_per_mention:
            return key
        try:
            title = payloads.thread_title(text)
            thread = str((await message.create_thread(name=title)).id)
        except discord.HTTPException as exc:
            if exc.code != 160004:  # it has a thread already, which then has its id
                _log.info("discord.thread_not_created", status=exc.status, code=exc.code)
                return key
            thread = str(message.id)
        return ConversationKey(key.platform, key.workspace, key.channel, thread)

    async def _ask(
        self, message: discord.Message, own_id: int, key: ConversationKey, event: str
    ) -> None:
        author, direct = payloads.author_of(message.author), payloads.is_direct_message(message)
        if direct:
            author = await self._membership.with_roles(author)
        text = payloads.to_readable(message, own_id)
        here = payloads.place_of(key)
        posters: list[Poster] = []
        if here != message.channel.id:
            posters.append(ChannelPoster(self._client_holder, here))
        posters.append(ChannelPoster(self._client_holder, message.channel.id, message.id))
        if message.guild is not None:
            posters.append(DirectPoster(self._client_holder, message.author.id))
        sink = make_sink(
            posters, self._core.replies, key, self._timing,
            prompt=str(message.id), background=self._background_tasks.start,
        )  # fmt: skip
        self.recent_questions.remember(
            str(message.id), RecentQuestion(event, text, key, author, sink)
        )
        may_read = partial(self._may_read, message)
        earlier = history.make_reader(
            self._client_holder, own_id, message.channel.id, may_read, before=message.id
        )
        await self._core.accept(
            Message(
                id=event,
                conversation=key,
                author=author,
                text=text,
                direct=direct,
                attachments=payloads.attachments_of(message.attachments),
                context=await self._read_context(message, own_id, earlier),
                at=message.created_at,
                earlier=earlier,
            ),
            sink,
        )

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
            async with asyncio.timeout(_LOOKUP_TIMEOUT_S):
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

    # --- a question is deleted or edited --------------------------------------------------------

    async def on_deleted(self, messages: Iterable[int]) -> None:
        """Handle deleted messages: cancel their turns, and remove unfinished answers."""
        for number in messages:
            recent = self.recent_questions.pop(str(number))
            if recent is not None and recent.sink is not None:
                recent.sink.stop_showing()
            elif recent is None:
                recent = await self._find_from_earlier_process(number)
            if recent is None:
                continue
            event = MessageDeleted(
                f"deleted.{number}", recent.conversation, recent.author, recent.event
            )
            await self._core.accept(event, SilentSink())

    async def _find_from_earlier_process(self, message: int) -> RecentQuestion[ReplySink] | None:
        """Find a deleted question of an earlier process; remove its answer if it was cut off."""
        question = await self._core.question(payloads.PLATFORM, str(message))
        if question is None:
            return None
        if question.cut_off and (reply := await self._core.replies.get(question.turn)):
            poster = ChannelPoster(self._client_holder, int(reply.address.get("channel") or 0))
            for number in reply.address.get("messages", "").split(","):
                if number:
                    await self._delete(poster, int(number))
        return RecentQuestion.from_earlier_process(question)

    async def _delete(self, poster: ChannelPoster, number: int) -> None:
        try:
            await poster.delete(number)
        except FAILURES as exc:
            _log.info("discord.delete_failed", message=number, error=str(exc)[:200])

    async def on_thread_deleted(self, thread: int) -> None:
        """Handle a deleted thread: its questions count as deleted."""
        await self.on_deleted(
            int(message) for message in self.recent_questions.messages_in_thread(str(thread))
        )

    async def on_edited(self, message: discord.Message, own_id: int) -> None:
        """Handle an edited question: offer to answer the new text."""
        if message.edited_at is None or message.author.bot:
            return  # Discord has looked a link up, or we are writing
        text = payloads.to_readable(message, own_id)
        recent = await self.recent_questions.find(str(message.id)) if text else None
        if recent is None or not recent.turn or text == recent.text:
            return
        if not self._core.admits(recent.author, recent.conversation):
            return
        recent.text = text
        if recent.edit_offered:
            return  # the offer that stands there answers the text as it is when it is taken up
        recent.edit_offered = True
        value = f"{EDITED_PREFIX}{message.id}"
        offer = Payload(
            "-# You have changed your question.",
            (Action("regenerate", "Answer the new one", value),),
        )
        poster = ChannelPoster(self._client_holder, payloads.place_of(recent.conversation))
        await poster.send(offer, recent.turn, f"edit.{message.id}"[-25:])


def _key(channel: Any, message: discord.Message) -> ConversationKey:
    guild = message.guild.id if message.guild else None
    return payloads.key_of(channel, guild, direct=payloads.is_direct_message(message))
