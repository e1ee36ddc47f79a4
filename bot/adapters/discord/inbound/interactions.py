"""Handles commands, forms, menus and completion; acknowledges each first."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import discord
import structlog
from discord import app_commands

from bot.adapters.discord.inbound import history
from bot.adapters.discord.inbound.handover import Giving
from bot.adapters.discord.inbound.interaction_replies import (
    Interaction,
    InteractionReplies,
    place_and_author,
)
from bot.adapters.discord.inbound.modals import Modals, SubmittedForm
from bot.adapters.discord.outbound.poster import (
    GONE_COMMAND,
    DirectPoster,
    reply_ephemeral,
)
from bot.adapters.discord.transport import payloads
from bot.adapters.forms import Forms, needs_form
from bot.adapters.protocol import Core
from bot.catalogue.sentence import say
from bot.commands.declaration import Command
from bot.events import Attachment, CommandCall, ContextMessage
from bot.types import Value

_log = structlog.get_logger(__name__)

_COMPLETION_TIMEOUT_S = 2.0


class Interactions:
    """Turns interactions into events. It is the `Receiver` of the command tree."""

    def __init__(
        self, core: Core, answers: InteractionReplies, forms: Forms, modals: Modals
    ) -> None:
        self._core = core
        self._answers = answers
        self._forms = forms
        self._modals = modals
        self._giving = Giving(core)

    # --- commands, forms and menus ---------------------------------------------------------------

    async def on_command(
        self,
        interaction: Interaction,
        name: str,
        options: Mapping[str, Value],
        files: Sequence[discord.Attachment] = (),
    ) -> None:
        """Handle a slash command with its files; opens a form if something is missing."""
        command = await self._forms.command(name)
        key, author = place_and_author(interaction)
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
            name = form.command.name
            await self._accept_command(interaction, name, form.options, files, form=form)

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
        command = form.command if form is not None else await self._forms.command(name)
        private = target is None and _is_private(interaction, command, options)
        original = await self._answers.acknowledge(interaction, thinking=True, private=private)
        own_id: int = interaction.client.own_id
        may_read = history.make_permission_check(interaction)
        context_message = self._read_target(target, own_id, may_read)
        place = interaction.channel_id or 0
        key, author = place_and_author(interaction)
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
                self._answers.maker.client_holder, own_id, place, may_read, before=interaction.id
            ),
        )
        plan = self._answers.plan(interaction, placeholder=original, private=private)
        if form is None:
            sink = self._answers.sink(plan, key)
            give = partial(self._giving.call, reply=plan, may_read=may_read)
            self._answers.start(call, sink, f"/{name}", give)
            return
        posters = self._answers.maker.posters_for(plan)
        direct = DirectPoster(self._answers.maker.client_holder, interaction.user.id)
        recovering = self._modals.make_recovery_sink(
            interaction, form, self._answers.sink(plan, key, posters), posters, direct
        )
        self._answers.start(call, recovering, f"/{name}")

    def _read_target(
        self, target: discord.Message | None, own_id: int, may_read: history.PermissionCheck
    ) -> ContextMessage | None:
        """The message whose menu was used, with a reader of the thread that belongs to it."""
        if target is None:
            return None
        said = payloads.to_context_message(target, own_id)
        if not target.flags.has_thread and target.thread is None:
            return said
        thread = history.make_thread_reader(
            self._answers.maker.client_holder, own_id, said, may_read
        )
        return replace(said, replies=thread)

    async def on_complete(
        self, interaction: Interaction, name: str, option: str, prefix: str
    ) -> Sequence[str]:
        """Suggestions while an option is typed; none if they take too long."""
        key, author = place_and_author(interaction)
        try:
            async with asyncio.timeout(_COMPLETION_TIMEOUT_S):
                direct = payloads.is_direct(interaction)
                if direct:
                    author = await self._answers.membership.with_roles(author)
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


def _is_private(
    interaction: Interaction, command: Command | None, options: Mapping[str, Value]
) -> bool:
    """Whether the answer to a command is for the asker alone, among others who are there."""
    alone = payloads.is_direct(interaction)
    return command is not None and not alone and command.is_private(options)
