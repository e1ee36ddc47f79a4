"""Interactions: commands, menus, completion and buttons, acknowledged before anything else."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import discord
import structlog
from discord import app_commands

from bot.adapters.background_tasks import BackgroundTasks
from bot.adapters.discord.inbound import history
from bot.adapters.discord.inbound.messages import Messages
from bot.adapters.discord.inbound.modal_views import lacks
from bot.adapters.discord.inbound.modals import Filled, Modals
from bot.adapters.discord.outbound.poster import (
    GONE_COMMAND,
    ChannelOutlet,
    ClientHolder,
    DirectOutlet,
    InteractionOutlet,
    Outlet,
    tell,
)
from bot.adapters.discord.outbound.sink import ReplySink
from bot.adapters.discord.transport import payloads
from bot.adapters.discord.transport.errors import FAILURES
from bot.adapters.discord.transport.timing import Timing
from bot.adapters.protocol import Core
from bot.adapters.recent_questions import EDITED, RecentQuestions
from bot.events import ActionCall, Attachment, CommandCall, ContextMessage
from bot.replies.protocol import Sink
from bot.types import ActionName, Author, ConversationKey, Value

_log = structlog.get_logger(__name__)

Interaction: TypeAlias = "discord.Interaction[Any]"

_COMPLETE_S = 2.0
GONE_BUTTON = "This button is from an earlier version and does nothing any more; please ask again."
GONE_QUESTION = "The question is no longer there; please ask again."


class Interactions:
    """Turns interactions into events. It is the `Receiver` of the command tree."""

    def __init__(
        self,
        core: Core,
        link: ClientHolder,
        timing: Timing,
        errands: BackgroundTasks,
        messages: Messages,
    ) -> None:
        self._core = core
        self._link = link
        self._timing = timing
        self._errands = errands
        self._messages = messages
        self._modals = Modals(core)

    def _sink(self, outlets: Sequence[Outlet], key: ConversationKey, **more: Any) -> ReplySink:
        return ReplySink(outlets, self._core.replies, key, self._timing, **more)

    # --- commands, forms and menus ---------------------------------------------------------------

    async def on_command(
        self,
        interaction: Interaction,
        name: str,
        options: Mapping[str, Value],
        files: Sequence[discord.Attachment] = (),
    ) -> None:
        """A slash command, and the files that go with it; without what it needs, a form opens."""
        command = self._modals.command(name)
        if (
            command is not None
            and lacks(command, options, files=bool(files))
            and await self._modals.open(interaction, command, options)
        ):
            return
        await self._call(interaction, name, options, payloads.attachments_of(files))

    async def on_form(self, interaction: Interaction) -> None:
        """A form that was sent."""
        filled = await self._modals.take(interaction)
        if filled is not None:
            files = filled.attachments
            await self._call(interaction, filled.name, filled.options, files, filled=filled)

    async def on_form_again(self, interaction: Interaction, name: str) -> None:
        """The button that opens a form again which could not be used."""
        await self._modals.again(interaction, name)

    async def on_menu(self, interaction: Interaction, name: str, target: discord.Message) -> None:
        """An entry in the menu of a message."""
        await self._call(interaction, name, {}, target=target)

    async def _call(
        self,
        interaction: Interaction,
        name: str,
        options: Mapping[str, Value],
        attachments: tuple[Attachment, ...] = (),
        *,
        target: discord.Message | None = None,
        filled: Filled | None = None,
    ) -> None:
        original = await self._defer(interaction, thinking=True)
        us: int = interaction.client.us
        allowed = self._allowed(interaction)
        quote: ContextMessage | None = None
        if target is not None:
            thread = history.thread_reader(self._link, us, target, allowed)
            quote = replace(payloads.quote_of(target, us), replies=thread)
        place = interaction.channel_id or 0
        key, author = self._who_and_where(interaction)
        call = CommandCall(
            id=str(interaction.id),
            conversation=key,
            author=author,
            name=name,
            options=options,
            direct=payloads.is_direct(interaction),
            attachments=quote.attachments if quote else attachments,
            target=quote,
            at=interaction.created_at,
            earlier=history.reader(self._link, us, place, allowed, before=interaction.id),
        )
        outlets = self._outlets(interaction)
        sink: Sink = self._sink(outlets, key, original=original)
        if filled is not None:
            direct = DirectOutlet(self._link, interaction.user.id)
            sink = self._modals.giving_back(interaction, filled, sink, outlets, direct)
        self._errands.start(self._core.accept(call, sink), f"/{name}")

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

    @staticmethod
    def _allowed(interaction: Interaction) -> history.Allowed:
        """Whether the person may read there; outside of servers everybody reads all."""
        may = interaction.guild_id is None or history.reads_history(interaction.permissions)

        async def allowed() -> bool:
            return may

        return allowed

    def _outlets(self, interaction: Interaction) -> list[Outlet]:
        channel = interaction.channel_id or 0
        outlets: list[Outlet] = []
        if interaction.response.is_done():
            life = self._timing.token_life
            outlets.append(InteractionOutlet(interaction.followup, channel, life))
        outlets.append(ChannelOutlet(self._link, channel))
        if not payloads.is_direct(interaction):
            outlets.append(DirectOutlet(self._link, interaction.user.id))
        return outlets

    def _who_and_where(self, interaction: Interaction) -> tuple[ConversationKey, Author]:
        channel: Any = interaction.channel or discord.Object(interaction.channel_id or 0)
        author = payloads.author_of(interaction.user, str(interaction.locale.value))
        direct = payloads.is_direct(interaction)
        return payloads.key_of(channel, interaction.guild_id, direct=direct), author

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
        await tell(interaction, GONE_COMMAND if known else "That did not work; try again.")

    # --- buttons --------------------------------------------------------------------------------

    async def on_button(
        self, interaction: Interaction, action: ActionName, turn: str, value: str
    ) -> None:
        """A button under an answer."""
        await self._defer(interaction)
        if action == "regenerate" and value.startswith(EDITED):
            number = int(value.removeprefix(EDITED))
            self._errands.start(self._ask_again(interaction, turn, number), "asked again")
            return
        call = self._press(interaction, action, turn, value)
        lazy = action != "regenerate"
        sink = self._sink(self._outlets(interaction), call.conversation, lazy=lazy)
        self._errands.start(self._core.accept(call, sink), action)

    def _press(
        self, interaction: Interaction, action: ActionName, turn: str, value: str
    ) -> ActionCall:
        key, author = self._who_and_where(interaction)
        earlier = None
        if action == "regenerate" and interaction.message is not None:
            us, allowed = interaction.client.us, self._allowed(interaction)
            earlier = history.answer_reader(
                self._link, us, interaction.message, allowed, interaction.channel
            )
        return ActionCall(
            id=str(interaction.id),
            conversation=key,
            author=author,
            action=action,
            turn=turn,
            value=value,
            direct=payloads.is_direct(interaction),
            at=interaction.created_at,
            earlier=earlier,
        )

    async def on_unknown_button(self, interaction: Interaction) -> None:
        """A button that we made once, and do not know any more."""
        await tell(interaction, GONE_BUTTON)

    async def _ask_again(self, interaction: Interaction, turn: str, number: int) -> None:
        """Have a question answered as it stands now, after it was edited."""
        message = await self._find(interaction, number)
        if message is None:
            await tell(interaction, GONE_QUESTION)
            return
        us = interaction.client.us
        call = self._press(interaction, "regenerate", turn, payloads.readable(message, us))
        sink = self._sink(self._outlets(interaction), call.conversation)
        asked = RecentQuestions(call.id, call.value, call.conversation, call.author, sink)
        self._messages.asked.remember(str(number), asked)
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
