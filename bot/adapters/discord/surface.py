"""What happens when somebody uses the bot on Discord: acknowledge, understand, hand over."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import discord
import structlog
from discord import app_commands

from bot.adapters.base import Core
from bot.adapters.discord import events
from bot.adapters.discord.errands import Errands
from bot.adapters.discord.outlets import (
    FAILURES,
    NO_PINGS,
    ChannelOutlet,
    DirectOutlet,
    InteractionOutlet,
    Link,
    Outlet,
)
from bot.adapters.discord.render import Payload
from bot.adapters.discord.sink import ReplySink, SilentSink, Timing
from bot.types import (
    Action,
    ActionCall,
    ActionName,
    Author,
    CommandCall,
    ConversationKey,
    Message,
    Quote,
    Retraction,
    Value,
)

_log = structlog.get_logger(__name__)

Interaction: TypeAlias = "discord.Interaction[Any]"

_REMEMBERED = 2000
_COMPLETE_S = 2.0
_EDITED = "edit."
GONE_COMMAND = "This command is no longer there; /help lists those that are."
GONE_BUTTON = "This button is from an earlier version and does nothing any more; please ask again."


@dataclass(slots=True)
class Asked:
    """A question that is being answered, or was lately: for when it is deleted or edited."""

    event: str
    text: str
    conversation: ConversationKey
    author: Author
    sink: ReplySink
    offered: bool = False


class Surface:
    """Turns what discord.py reports into events. One for each run of the adapter."""

    def __init__(self, core: Core, link: Link, timing: Timing, *, chain: int) -> None:
        self._core = core
        self._link = link
        self._timing = timing
        self._chain = chain
        self._asked: OrderedDict[int, Asked] = OrderedDict()
        self.errands = Errands()

    # --- messages -------------------------------------------------------------------------------

    async def on_message(self, message: discord.Message, us: int) -> None:
        """Somebody wrote something that we can see."""
        if not events.is_from_a_person(message):
            return
        direct = message.guild is None
        if not direct and not events.names_us(message, us) and not await self._follows(message, us):
            return
        self.errands.start(self._typing(message.channel.id), "typing")
        await self._ask(message, us, await self._place(message, us), str(message.id))

    async def _follows(self, message: discord.Message, us: int) -> bool:
        """Whether it goes on in a thread of ours, and is not for somebody else."""
        if not (message.content or message.attachments):
            return False  # without the Message Content intent there is nothing to go by
        channel = await self._channel(message)
        if not isinstance(channel, discord.Thread) or events.is_to_others(message, us):
            return False
        key = events.key_of(channel, message.guild.id if message.guild else None)
        if channel.owner_id != us and not await self._core.replies.known_thread(key):
            return False
        return (await self._core.channel_settings(key)).follow_up

    async def _channel(self, message: discord.Message) -> Any:
        """The channel, looked up where discord.py does not know it (an archived thread, say)."""
        channel: Any = message.channel
        if isinstance(channel, discord.PartialMessageable) and message.guild is not None:
            try:
                return await (await self._link.client()).fetch_channel(channel.id)
            except FAILURES:
                return channel
        return channel

    async def _place(self, message: discord.Message, us: int) -> ConversationKey:
        """Where the answer belongs; a thread of its own is opened if that is how it is done."""
        channel = await self._channel(message)
        key = events.key_of(channel, message.guild.id if message.guild else None)
        if not isinstance(channel, discord.TextChannel):
            return key
        if not (await self._core.channel_settings(key)).thread_per_mention:
            return key
        try:
            title = events.thread_title(events.readable(message, us))
            thread = str((await message.create_thread(name=title)).id)
        except discord.HTTPException as exc:
            if exc.code != 160004:  # it has a thread already, which then has its id
                _log.info("discord.no_thread", status=exc.status, code=exc.code)
                return key
            thread = str(message.id)
        return ConversationKey(key.platform, key.workspace, key.channel, thread)

    async def _ask(
        self, message: discord.Message, us: int, key: ConversationKey, event: str
    ) -> None:
        author = events.author_of(message.author)
        text = events.readable(message, us)
        here = events.place_of(key)
        outlets: list[Outlet] = []
        if here != message.channel.id:
            outlets.append(ChannelOutlet(self._link, here))
        outlets.append(ChannelOutlet(self._link, message.channel.id, message.id))
        if message.guild is not None:
            outlets.append(DirectOutlet(self._link, message.author.id))
        sink = self._sink(outlets, key, prompt=str(message.id))
        self._remember(message.id, Asked(event, text, key, author, sink))
        await self._core.accept(
            Message(
                id=event,
                conversation=key,
                author=author,
                text=text,
                direct=message.guild is None,
                attachments=events.attachments_of(message.attachments),
                context=await events.reply_chain(message, us, self._chain),
                at=message.created_at,
            ),
            sink,
        )

    async def _typing(self, channel: int) -> None:
        try:
            await ChannelOutlet(self._link, channel).typing()
        except FAILURES as exc:
            _log.debug("discord.typing_failed", error=str(exc)[:200])

    def _sink(self, outlets: Sequence[Outlet], key: ConversationKey, **more: Any) -> ReplySink:
        return ReplySink(outlets, self._core.replies, key, self._timing, **more)

    def _remember(self, message: int, asked: Asked) -> None:
        self._asked[message] = asked
        while len(self._asked) > _REMEMBERED:
            self._asked.popitem(last=False)

    # --- a question is deleted or edited --------------------------------------------------------

    async def on_deleted(self, messages: Iterable[int]) -> None:
        """Messages are gone: their turns are cancelled, and unfinished answers taken away."""
        for number in messages:
            asked = self._asked.pop(number, None)
            if asked is None:
                continue
            asked.sink.retract()
            event = Retraction(f"deleted.{number}", asked.conversation, asked.author, asked.event)
            await self._core.accept(event, SilentSink())

    async def on_edited(self, message: discord.Message, us: int) -> None:
        """A question was changed: offer to answer the new one."""
        asked = self._asked.get(message.id)
        if asked is None or not asked.sink.turn:
            return
        text = events.readable(message, us)
        if not text or text == asked.text:
            return  # Discord has looked a link up; nobody has changed anything
        asked.text = text
        if asked.offered:
            return  # the offer that stands there answers the text as it is when it is taken up
        asked.offered = True
        value = f"{_EDITED}{message.id}"
        offer = Payload(
            "-# You have changed your question.",
            (Action("regenerate", "Answer the new one", value),),
        )
        outlet = ChannelOutlet(self._link, events.place_of(asked.conversation))
        await outlet.send(offer, asked.sink.turn, f"edit.{message.id}"[-25:])

    async def _ask_again(self, interaction: Interaction, turn: str, number: int) -> None:
        """Have a question answered as it stands now, after it was edited."""
        message = await self._find(interaction, number)
        if message is None:
            await self._tell(interaction, GONE_BUTTON)
            return
        us = interaction.client.us
        call = self._press(interaction, "regenerate", turn, events.readable(message, us))
        sink = self._sink(self._outlets(interaction), call.conversation)
        asked = Asked(call.id, call.value, call.conversation, call.author, sink)
        self._remember(number, asked)
        await self._core.accept(call, sink)
        await interaction.delete_original_response()

    async def _find(self, interaction: Interaction, number: int) -> discord.Message | None:
        """The question stands in this channel, or in the one that this thread was opened from."""
        client = await self._link.client()
        parent = getattr(interaction.channel, "parent_id", None)
        for place in (interaction.channel_id, parent):
            if place is None:
                continue
            try:
                return await client.get_partial_messageable(place).fetch_message(number)
            except discord.NotFound:
                continue
        return None

    # --- commands and menus ---------------------------------------------------------------------

    async def on_command(
        self, interaction: Interaction, name: str, options: Mapping[str, Value]
    ) -> None:
        """A slash command."""
        await self._call(interaction, name, options, None)

    async def on_menu(self, interaction: Interaction, name: str, target: discord.Message) -> None:
        """An entry in the menu of a message."""
        await self._call(interaction, name, {}, target)

    async def _call(
        self,
        interaction: Interaction,
        name: str,
        options: Mapping[str, Value],
        target: discord.Message | None,
    ) -> None:
        original = await self._defer(interaction, thinking=True)
        quote: Quote | None = None
        if target is not None:
            quote = events.quote_of(target, interaction.application_id)
        key, author = self._who_and_where(interaction)
        event = CommandCall(
            id=str(interaction.id),
            conversation=key,
            author=author,
            name=name,
            options=options,
            direct=interaction.guild_id is None,
            attachments=quote.attachments if quote else (),
            target=quote,
            at=interaction.created_at,
        )
        sink = self._sink(self._outlets(interaction), key, original=original)
        self.errands.start(self._core.accept(event, sink), f"/{name}")

    async def _defer(self, interaction: Interaction, *, thinking: bool = False) -> int | None:
        """Acknowledge, before anything else. Returns the placeholder's id, if there is one.

        If Discord does not take it (too late, or it is down) the answer goes to the channel.
        """
        try:
            answer = await interaction.response.defer(thinking=thinking)
        except FAILURES as exc:
            _log.warning("discord.defer_failed", error=str(exc)[:200])
            return None
        return answer.message_id if answer is not None and thinking else None

    def _outlets(self, interaction: Interaction) -> list[Outlet]:
        channel = interaction.channel_id or 0
        outlets: list[Outlet] = []
        if interaction.response.is_done():
            life = self._timing.token_life
            outlets.append(InteractionOutlet(interaction.followup, channel, life))
        outlets.append(ChannelOutlet(self._link, channel))
        if interaction.guild_id is not None:
            outlets.append(DirectOutlet(self._link, interaction.user.id))
        return outlets

    def _who_and_where(self, interaction: Interaction) -> tuple[ConversationKey, Author]:
        channel: Any = interaction.channel or discord.Object(interaction.channel_id or 0)
        author = events.author_of(interaction.user, str(interaction.locale.value))
        return events.key_of(channel, interaction.guild_id), author

    async def on_complete(
        self, interaction: Interaction, name: str, option: str, prefix: str
    ) -> Sequence[str]:
        """Suggestions while an option is typed; none, rather than too late."""
        key, author = self._who_and_where(interaction)
        try:
            async with asyncio.timeout(_COMPLETE_S):
                return await self._core.complete(name, option, prefix, author, key)
        except TimeoutError:
            return ()

    async def on_refused(self, interaction: Interaction, error: Exception) -> None:
        """A command that the tree does not know, or cannot read."""
        known = isinstance(
            error, (app_commands.CommandNotFound, app_commands.CommandSignatureMismatch)
        )
        if not known:
            _log.error("discord.command_failed", exc_info=error)
        if interaction.type is discord.InteractionType.autocomplete:
            return
        await self._tell(interaction, GONE_COMMAND if known else "That did not work; try again.")

    async def _tell(self, interaction: Interaction, text: str) -> None:
        """Answer at once, to the person alone."""
        try:
            if interaction.response.is_done():
                await interaction.followup.send(text, ephemeral=True, allowed_mentions=NO_PINGS)
            else:
                await interaction.response.send_message(
                    text, ephemeral=True, allowed_mentions=NO_PINGS
                )
        except FAILURES as exc:
            _log.warning("discord.answer_failed", error=str(exc)[:200])

    # --- buttons --------------------------------------------------------------------------------

    async def on_button(
        self, interaction: Interaction, action: ActionName, turn: str, value: str
    ) -> None:
        """A button under an answer."""
        await self._defer(interaction)
        if action == "regenerate" and value.startswith(_EDITED):
            number = int(value.removeprefix(_EDITED))
            self.errands.start(self._ask_again(interaction, turn, number), "asked again")
            return
        call = self._press(interaction, action, turn, value)
        lazy = action != "regenerate"
        sink = self._sink(self._outlets(interaction), call.conversation, lazy=lazy)
        self.errands.start(self._core.accept(call, sink), action)

    def _press(
        self, interaction: Interaction, action: ActionName, turn: str, value: str
    ) -> ActionCall:
        key, author = self._who_and_where(interaction)
        return ActionCall(
            id=str(interaction.id),
            conversation=key,
            author=author,
            action=action,
            turn=turn,
            value=value,
            direct=interaction.guild_id is None,
            at=interaction.created_at,
        )

    async def on_unknown_button(self, interaction: Interaction) -> None:
        """A button that we made once, and do not know any more."""
        await self._tell(interaction, GONE_BUTTON)
