"""Handles interactions (commands, menus, completion, buttons); acknowledges each first."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import discord
import structlog
from discord import app_commands

from bot.adapters.background_tasks import BUSY, BackgroundTasks, Refusal, refuse
from bot.adapters.discord.inbound import history
from bot.adapters.discord.inbound.membership import Membership, may_write
from bot.adapters.discord.inbound.messages import Messages
from bot.adapters.discord.inbound.modals import Modals, SubmittedForm
from bot.adapters.discord.outbound.port import ReplySink, make_sink
from bot.adapters.discord.outbound.poster import (
    GONE_COMMAND,
    ChannelPoster,
    ClientHolder,
    DirectPoster,
    InteractionPoster,
    Poster,
    reply_ephemeral,
)
from bot.adapters.discord.outbound.pressed_message import DiscordPressedMessage
from bot.adapters.discord.transport import payloads
from bot.adapters.discord.transport.errors import FAILURES
from bot.adapters.discord.transport.timing import Timing
from bot.adapters.forms import Forms, needs_form
from bot.adapters.inbox import EDITED_PREFIX
from bot.adapters.protocol import Core
from bot.catalogue.sentence import say
from bot.events import ACTIONS_WITH_REPLY, ActionCall, Attachment, CommandCall, ContextMessage
from bot.replies.protocol import Sink
from bot.types import ActionName, Author, ConversationKey, Value

_log = structlog.get_logger(__name__)

Interaction: TypeAlias = "discord.Interaction[Any]"

_COMPLETION_TIMEOUT_S = 2.0
GONE_BUTTON = say(
    "This button is from an earlier version and does nothing any more; please ask again."
)
GONE_QUESTION = say("The question is no longer there; please ask again.")
MAY_NOT_WRITE = say("You may not write here, so this cannot be shared.")


class Interactions:
    """Turns interactions into events. It is the `Receiver` of the command tree."""

    def __init__(
        self,
        core: Core,
        client_holder: ClientHolder,
        timing: Timing,
        background_tasks: BackgroundTasks,
        messages: Messages,
        membership: Membership,
    ) -> None:
        self._core = core
        self._client_holder = client_holder
        self._timing = timing
        self._background_tasks = background_tasks
        self._messages = messages
        self._membership = membership
        self._forms = Forms(core)
        self._modals = Modals(self._forms)

    def _sink(self, posters: Sequence[Poster], key: ConversationKey, **more: Any) -> ReplySink:
        background = self._background_tasks.start
        sink = make_sink(
            posters, self._core.replies, key, self._timing, background=background, **more
        )
        return self._messages.inbox.follow(sink, key)

    # --- commands, forms and menus ---------------------------------------------------------------

    async def on_command(
        self,
        interaction: Interaction,
        name: str,
        options: Mapping[str, Value],
        files: Sequence[discord.Attachment] = (),
    ) -> None:
        """Handle a slash command with its files; opens a form if something is missing."""
        command = self._forms.command(name)
        key, author = self._conversation_and_author(interaction)
        direct = payloads.is_direct(interaction)
        if (
            command is not None
            and needs_form(command, options, files=bool(files))
            and await self._forms.may_open(command, author, key, direct=direct)
            and await self._modals.open(interaction, command, options)
        ):
            return
        await self._accept_command(interaction, name, options, payloads.attachments_of(files))

    async def on_form(self, interaction: Interaction) -> None:
        """Handle a submitted form."""
        form = await self._modals.accept(interaction)
        if form is not None:
            files = form.attachments
            await self._accept_command(interaction, form.name, form.options, files, form=form)

    async def on_reopen_form(self, interaction: Interaction, name: str) -> None:
        """Handle the button that opens a form again."""
        await self._modals.reopen(interaction, name)

    async def on_menu(self, interaction: Interaction, name: str, target: discord.Message) -> None:
        """Handle an entry of a message's context menu."""
        await self._accept_command(interaction, name, {}, target=target)

    async def _accept_command(
        self,
        interaction: Interaction,
        name: str,
        options: Mapping[str, Value],
        attachments: tuple[Attachment, ...] = (),
        *,
        target: discord.Message | None = None,
        form: SubmittedForm | None = None,
    ) -> None:
        private = target is None and self._is_private(interaction, name, options)
        original = await self._acknowledge(interaction, thinking=True, private=private)
        own_id: int = interaction.client.own_id
        may_read = history.make_permission_check(interaction)
        context_message: ContextMessage | None = None
        if target is not None:
            thread = history.make_thread_reader(self._client_holder, own_id, target, may_read)
            context_message = replace(payloads.to_context_message(target, own_id), replies=thread)
        place = interaction.channel_id or 0
        key, author = self._conversation_and_author(interaction)
        call = CommandCall(
            id=str(interaction.id),
            conversation=key,
            author=author,
            name=name,
            options=options,
            direct=payloads.is_direct(interaction),
            attachments=context_message.attachments if context_message else attachments,
            target=context_message,
            at=interaction.created_at,
            earlier=history.make_reader(
                self._client_holder, own_id, place, may_read, before=interaction.id
            ),
        )
        posters = self._posters(interaction, private=private)
        sink: Sink = self._sink(posters, key, placeholder=original, private=private)
        if form is not None:
            direct = DirectPoster(self._client_holder, interaction.user.id)
            sink = self._modals.make_recovery_sink(interaction, form, sink, posters, direct)
        self._accept(call, sink, f"/{name}")

    def _is_private(
        self, interaction: Interaction, name: str, options: Mapping[str, Value]
    ) -> bool:
        """Whether the answer to a command is for the asker alone, among others who are there."""
        command = self._forms.command(name)
        alone = payloads.is_direct(interaction)
        return command is not None and not alone and command.is_private(options)

    async def _acknowledge(
        self, interaction: Interaction, *, thinking: bool = False, private: bool = False
    ) -> int | None:
        """Acknowledge, before anything else. Returns the placeholder's id, if there is one.

        If Discord does not take it (too late, or it is down) the answer goes to the channel; one
        that is `private` goes to the person.
        """
        try:
            answer = await interaction.response.defer(thinking=thinking, ephemeral=private)
        except FAILURES as exc:
            _log.warning("discord.defer_failed", error=str(exc)[:200])
            return None
        return answer.message_id if answer is not None and thinking else None

    def _posters(self, interaction: Interaction, *, private: bool = False) -> list[Poster]:
        channel = interaction.channel_id or 0
        posters: list[Poster] = []
        if interaction.response.is_done():
            life = self._timing.token_life
            posters.append(InteractionPoster(interaction.followup, channel, life, private=private))
        if not private:
            posters.append(ChannelPoster(self._client_holder, channel))
        if not payloads.is_direct(interaction):
            posters.append(DirectPoster(self._client_holder, interaction.user.id, channel))
        return posters

    def _conversation_and_author(self, interaction: Interaction) -> tuple[ConversationKey, Author]:
        channel: Any = interaction.channel or discord.Object(interaction.channel_id or 0)
        author = payloads.author_of(interaction.user, str(interaction.locale.value))
        direct = payloads.is_direct(interaction)
        return payloads.key_of(channel, interaction.guild_id, direct=direct), author

    async def on_complete(
        self, interaction: Interaction, name: str, option: str, prefix: str
    ) -> Sequence[str]:
        """Suggestions while an option is typed; none if they take too long."""
        key, author = self._conversation_and_author(interaction)
        try:
            async with asyncio.timeout(_COMPLETION_TIMEOUT_S):
                direct = payloads.is_direct(interaction)
                if direct:
                    author = await self._membership.with_roles(author)
                return await self._core.complete(name, option, prefix, author, key, direct=direct)
        except TimeoutError:
            return ()

    async def on_command_error(self, interaction: Interaction, error: Exception) -> None:
        """Handle a command that the tree does not know or that failed."""
        known = isinstance(
            error, (app_commands.CommandNotFound, app_commands.CommandSignatureMismatch)
        )
        if not known:
            _log.error("discord.command_failed", exc_info=error)
        if interaction.type is discord.InteractionType.autocomplete:
            return
        await reply_ephemeral(
            interaction, GONE_COMMAND if known else say("That did not work; try again.")
        )

    # --- buttons --------------------------------------------------------------------------------

    async def on_button(
        self, interaction: Interaction, action: ActionName, turn: str, value: str
    ) -> None:
        """Handle a button under an answer."""
        _, author = self._conversation_and_author(interaction)
        form = self._core.inquiry_form(value, author.key) if action == "answer" else None
        if form is not None and await self._modals.open(interaction, form, {}):
            return
        await self._acknowledge(interaction)
        if action == "regenerate" and value.startswith(EDITED_PREFIX):
            number = int(value.removeprefix(EDITED_PREFIX))
            self._background_tasks.start(
                self._ask_edited(interaction, turn, number),
                "asked again",
                Refusal(str(interaction.id), lambda: reply_ephemeral(interaction, BUSY)),
            )
            return
        if action == "share" and not may_write(interaction):
            await reply_ephemeral(interaction, MAY_NOT_WRITE)
            return
        call = self._build_action_call(interaction, action, turn, value)
        lazy = action not in ACTIONS_WITH_REPLY
        posters, pressed = self._posters(interaction), None
        if action == "resume" and interaction.message is not None:
            pressed = DiscordPressedMessage(posters[0], interaction.message, turn)
        sink = self._sink(posters, call.conversation, lazy=lazy, pressed=pressed)
        self._accept(call, sink, action)

    def _accept(self, call: CommandCall | ActionCall, sink: Sink, name: str) -> None:
        """Hand an event to the core, or refuse it where there are too many. Each person gets the
        refusal, since the platform waits for an answer."""
        self._background_tasks.start(
            self._accept_with_roles(call, sink), name, Refusal(call.id, lambda: refuse(sink))
        )

    async def _accept_with_roles(self, call: CommandCall | ActionCall, sink: Sink) -> None:
        """Hand over an event; one in a direct message gets the roles that Discord leaves out."""
        if call.direct:
            call = replace(call, author=await self._membership.with_roles(call.author))
        await self._core.accept(call, sink)

    def _build_action_call(
        self, interaction: Interaction, action: ActionName, turn: str, value: str
    ) -> ActionCall:
        key, author = self._conversation_and_author(interaction)
        earlier = None
        if action == "regenerate" and interaction.message is not None:
            own_id, may_read = interaction.client.own_id, history.make_permission_check(interaction)
            earlier = history.make_answer_reader(
                self._client_holder, own_id, interaction.message, may_read, interaction.channel
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
        """Handle a button of an earlier version that is not known any more."""
        await reply_ephemeral(interaction, GONE_BUTTON)

    async def _ask_edited(self, interaction: Interaction, turn: str, number: int) -> None:
        """Answer the current text of a question that was edited."""
        key, _ = self._conversation_and_author(interaction)
        async with self._messages.inbox.turn_in(key):
            message = await self._find(interaction, number)
            if message is None:
                await reply_ephemeral(interaction, GONE_QUESTION)
                return
            own_id = interaction.client.own_id
            call = self._build_action_call(
                interaction, "regenerate", turn, payloads.to_readable(message, own_id)
            )
            sink = self._sink(self._posters(interaction), call.conversation)
            own = message.author.id == interaction.user.id
            if own:
                self._messages.inbox.answer_again(str(number), call, sink)
            await self._accept_with_roles(call, sink)
        if own:  # the core refuses everybody else
            await interaction.delete_original_response()

    async def _find(self, interaction: Interaction, number: int) -> discord.Message | None:
        """Find a message in the interaction's channel or its parent; None if it is in neither."""
        client = await self._client_holder.client()
        parent = getattr(interaction.channel, "parent_id", None)
        for place in (interaction.channel_id, parent):
            if place is None:
                continue
            try:
                return await client.get_partial_messageable(place).fetch_message(number)
            except discord.NotFound:
                continue
        return None
